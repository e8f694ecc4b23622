"""What cannot be converted, in one line."""


class UffError(ValueError):
    """A graph that UFF cannot hold, or a wrong argument; the text is one line that says what is wrong."""
