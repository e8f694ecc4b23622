"""What goes wrong with a graph, in one line."""


class GraphError(ValueError):
    """A graph, or what is asked of it, cannot be; the text says what is wrong."""
