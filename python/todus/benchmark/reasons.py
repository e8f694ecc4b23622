"""Why a format has no figures, in few words: it is a row of the table, and the others stand."""

from __future__ import annotations

import re

from todus import checkpoint
from todus.errors import TodusError

LONGEST = 44  # characters that the table has room for
_PREFACE = re.compile(r"this model cannot be \w+ (as|for) [\w ]+: ")  # the row says of which format it is


def of(error: Exception) -> str:
    """What is wrong, in a line; how to mend it, which the program says after a semicolon, comes with it."""
    if isinstance(error, TodusError):
        return _PREFACE.sub("", str(error), count=1)
    return f"{type(error).__name__}: {checkpoint.reason(error)}"


def short(reason: str) -> str:
    """Without the remedy; where it is long, without what comes after a comma, or cut off."""
    words = reason.partition(";")[0]
    while len(words) > LONGEST and ", " in words:
        words = words.rpartition(", ")[0]
    return words if len(words) <= LONGEST else f"{words[: LONGEST - 1].rstrip()}\u2026"
