"""The formats that a benchmark compares, in the order of its table, and which of them GRAPH names."""

from __future__ import annotations

from dataclasses import dataclass

from todus.converting.tflite import KINDS
from todus.errors import UserError

PRETRAINED, EXPORTED, SAVED_MODEL, ONNX, UFF = "pretrained", "exported", "saved-model", "onnx", "uff"
TFLITE = "tflite"  # all kinds of it


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


def choose(text: str) -> list[Format]:
    """The formats that GRAPH names, separated by spaces or commas, in the table's order; all of them if it is empty.

    Raises:
      UserError: one is not known.
    """
    names = set(text.replace(",", " ").split())
    if TFLITE in names:
        names = names - {TFLITE} | set(KINDS)
    known = [one.name for one in FORMATS]
    unknown = sorted(names.difference(known))
    if unknown:
        raise UserError(
            f"GRAPH={' '.join(unknown)}: a benchmark knows {', '.join(known)}, and {TFLITE} for all kinds of it; "
            f"give some of these, or leave GRAPH away for all"
        )
    return [one for one in FORMATS if not names or one.name in names]
