"""The formats that a benchmark compares, in the order of its table; which GRAPH names; why one has no figures."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass

from todus import checkpoint
from todus.converting.tflite import KINDS
from todus.errors import TodusError, UserError

PRETRAINED, EXPORTED, SAVED_MODEL, ONNX, UFF = "pretrained", "exported", "saved-model", "onnx", "uff"
TFLITE = "tflite"  # all kinds of it

LONGEST = 44  # characters of a reason that the table has room for
_PREFACE = re.compile(r"this model cannot be \w+ (as|for) [\w ]+: ")  # the row says of which format it is


@dataclass(frozen=True)
class Format:
    """name: what GRAPH calls it; title: what the table calls it."""

    name: str
    title: str


FORMATS = (
    Format(PRETRAINED, "pretrained, frozen graph"),
    Format(EXPORTED, "limited, frozen graph"),
    Format(SAVED_MODEL, "SavedModel"),
    *(Format(kind, f"TFLite {kind}") for kind in KINDS),
    Format(ONNX, "ONNX"),
    Format(UFF, "UFF"),
)
NAMES = ", ".join(one.name for one in FORMATS)


def choose(text: str) -> list[Format]:
    """The formats that GRAPH names, separated by spaces or commas, in the table's order; all of them if it is empty.

    Raises:
      UserError: one is not known.
    """
    names = set(text.replace(",", " ").split())
    if TFLITE in names:
        names = names - {TFLITE} | set(KINDS)
    unknown = sorted(names.difference(one.name for one in FORMATS))
    if unknown:
        raise UserError(
            f"GRAPH={' '.join(unknown)}: a benchmark knows {NAMES}, and {TFLITE} for all kinds of it; give some of "
            f"these, or leave GRAPH away for all"
        )
    return [one for one in FORMATS if not names or one.name in names]


def failures() -> tuple[type[Exception], ...]:
    """What is raised where a format cannot be made or run, by Todus and by the runtimes that have been imported: that
    is its row's reason, and the others stand. All else is the machine's doing, or a bug."""
    tensorflow = sys.modules.get("tensorflow.python.framework.errors_impl")
    onnxruntime = sys.modules.get("onnxruntime.capi.onnxruntime_pybind11_state")
    of_onnxruntime = [one for one in vars(onnxruntime).values() if isinstance(one, type)] if onnxruntime else []
    return (
        *(TodusError, ValueError, RuntimeError, MemoryError),
        *([tensorflow.OpError] if tensorflow else []),
        *(one for one in of_onnxruntime if issubclass(one, Exception)),
    )


def reason(error: Exception) -> str:
    """What is wrong, in a line; how to mend it, which the program says after a semicolon, comes with it."""
    if isinstance(error, TodusError):
        return _PREFACE.sub("", str(error), count=1)
    return f"{type(error).__name__}: {checkpoint.reason(error)}"


def in_few_words(whole: str) -> str:
    """A reason without the remedy; where it is long, without what comes after a comma, or cut off."""
    words = whole.partition(";")[0]
    while len(words) > LONGEST and ", " in words:
        words = words.rpartition(", ")[0]
    return words if len(words) <= LONGEST else f"{words[: LONGEST - 1].rstrip()}\u2026"
