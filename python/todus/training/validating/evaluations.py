"""What evaluation while training has found so far: training/evaluations.json. Needs no TensorFlow."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from todus import checkpoint, files
from todus.checkpoint import step_of
from todus.layout import Model


@dataclass(frozen=True)
class Figures:
    """Average precision, 0 to 1, or None where there is nothing to find; how many seconds it took to find out."""

    ap: float | None
    ap50: float | None
    seconds: float


@dataclass(frozen=True)
class Evaluation:
    """One checkpoint's figures.

    written: when the checkpoint was written; tells it from another of the same step.
    """

    step: int
    ap: float | None
    ap50: float | None
    seconds: float
    written: int

    @property
    def rank(self) -> float:
        return rank(self.ap)


@dataclass
class Evaluations:
    """All that were made on the same images of the same dataset, in the order of time.

    ground_truth: tells these images and their boxes from all others.
    images: how many they are.
    pretrained: the average precision on them of the zoo's own model, if it was measured.
    """

    ground_truth: str
    images: int
    pretrained: float | None = None
    done: list[Evaluation] = field(default_factory=list)

    def of(self, prefix: Path) -> Evaluation | None:
        """That of the checkpoint `prefix`, if it was evaluated as it is."""
        return next((one for one in self.done if (one.step, one.written) == (step_of(prefix), written(prefix))), None)


def read(model: Model) -> Evaluations | None:
    """What is known, of whatever images; None if nothing is."""
    try:
        known = json.loads(file_of(model).read_text(encoding="utf-8"))
        return Evaluations(**{**known, "done": [Evaluation(**one) for one in known["done"]]})
    except (FileNotFoundError, ValueError, TypeError, KeyError):  # what is damaged is made anew
        return None


def read_of(model: Model, ground_truth: str, images: int) -> Evaluations:
    """What is known on just these images."""
    known = read(model)
    return known if known is not None and known.ground_truth == ground_truth else Evaluations(ground_truth, images)


def write(model: Model, evaluations: Evaluations) -> None:
    files.write_json(file_of(model), asdict(evaluations), indent=2)


def file_of(model: Model) -> Path:
    return model.training / "evaluations.json"


def written(prefix: Path) -> int:
    """When the checkpoint was, in nanoseconds since the epoch."""
    return checkpoint.index(prefix).stat().st_mtime_ns


def rank(average_precision: float | None) -> float:
    """By which the better of two is told."""
    return -1.0 if average_precision is None else average_precision
