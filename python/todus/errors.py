"""How the program says that something went wrong: one line, never a traceback."""


class TodusError(Exception):
    """Base of every error that is shown to the user as one line."""

    exit_status = 1


class UserError(TodusError):
    """The user asked for something that cannot be; the text says what is wrong and how to fix it."""

    exit_status = 2


class WorldError(TodusError):
    """The world failed (network, disk, a remote server); trying again may help."""

    exit_status = 1
