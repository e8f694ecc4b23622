"""training/best/: the checkpoint with the highest average precision so far, and best.json, which says what it was."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from todus import checkpoint, files
from todus.layout import Model
from todus.training.validating.evaluations import Evaluation, Evaluations, rank

NOTE = checkpoint.BEST_NOTE


@dataclass(frozen=True)
class Best:
    """The best checkpoint; average precisions, 0 to 1, on `images` validation images.

    ground_truth: tells these images and their boxes from all others.
    """

    prefix: Path
    ap: float | None
    ap50: float | None
    images: int
    ground_truth: str

    @property
    def step(self) -> int:
        return checkpoint.step_of(self.prefix)

    @property
    def rank(self) -> float:
        return rank(self.ap)


def read(model: Model) -> Best | None:
    """The best checkpoint, if there is one and it is whole."""
    try:
        note = json.loads((model.best / NOTE).read_text(encoding="utf-8"))
        found = Best(
            checkpoint.at_step(model.best, note["step"]), note["ap"], note["ap50"], note["images"], note["ground_truth"]
        )
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        return None
    return found if found.prefix in checkpoint.in_order(model.best) else None


def is_ahead(model: Model) -> bool:
    """Whether the best is an older checkpoint than the newest."""
    kept = read(model)
    return kept is not None and kept.step < checkpoint.step_of(checkpoint.newest(model.training))


def keep(model: Model, prefix: Path, evaluation: Evaluation, among: Evaluations) -> None:
    """Copy `prefix` there in place of the one before, which goes last: at no time is there none.

    Raises:
      OSError: the disk is full for instance; the one before is still there.
    """
    checkpoint.sweep(model.best)  # of a run that was killed here
    checkpoint.copy(prefix, model.best)
    note = {
        "step": evaluation.step,
        "ap": evaluation.ap,
        "ap50": evaluation.ap50,
        "images": among.images,
        "ground_truth": among.ground_truth,
    }
    files.write_json(model.best / NOTE, note, indent=2)
    for file in model.best.glob(f"{checkpoint.PREFIX}-*"):
        if not file.name.startswith(f"{prefix.name}."):
            file.unlink()
