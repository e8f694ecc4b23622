"""Notices when the loss runs away, and which checkpoint was written while all was still well."""

from __future__ import annotations

import math
import statistics
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from todus import checkpoint
from todus.errors import WorldError

MEMORY = 200  # steps whose losses the median is taken of
EXPLODED = 10.0  # times the median: no batch is that much harder than the others
SHORT = 5  # steps that the loss is smoothed over here


class DivergedError(WorldError):
    """The loss, or a weight, is no number any more."""


class LossWatch:
    """`watch.add(step, loss)` after each step.

    first_step: the one that the run starts from.
    well_until: the last step whose weights are known to be good. The loss of a step judges the weights of the step
      before it: those that it leaves itself can be anything.
    """

    def __init__(self, first_step: int):
        self.first_step = first_step
        self.well_until = first_step - 1
        self._losses: deque[float] = deque(maxlen=MEMORY)
        self._smoothed: float | None = None

    def add(self, step: int, loss: float) -> bool:
        """Whether the loss is a number."""
        if not math.isfinite(loss):
            return False
        before = loss if self._smoothed is None else self._smoothed
        self._smoothed = before + (loss - before) / SHORT
        self._losses.append(loss)
        if self._smoothed <= EXPLODED * statistics.median(self._losses):
            self.well_until = step - 1
        return True

    def is_well(self, step: int) -> bool:
        """Whether the loss of `step`, the last that was added, had not exploded."""
        return self.well_until == step - 1


def error(what: str, image_ids: Sequence[bytes], folder: Path, well_until: int, first_step: int = 0) -> DivergedError:
    """What to raise when training has diverged.

    Checkpoints that the run has written later than at step `well_until` are renamed, if there is an older one: the next
    run goes on from that. The one that it started from stays: what spoilt the first loss may as well be the batch.

    Args:
      image_ids: those of the batch.
      first_step: the one that the run started from.
    """
    batch = f", with images {' '.join(name.decode(errors='replace') for name in image_ids)}" if len(image_ids) else ""
    if well_until < first_step:
        return DivergedError(f"{what}{batch}; {_at_once(folder, first_step)}")
    aside = _set_aside_after(folder, well_until)
    newest = checkpoint.newest(folder)
    kept = f" ({', '.join(path.name for path in aside)}: not known to be good)" if aside else ""
    return DivergedError(
        f"{what}{batch}; lower LEARNING_RATE and run again: training goes on from "
        f"{newest.name if newest else 'the start'}{kept}"
    )


def _at_once(folder: Path, first_step: int) -> str:
    """What to do where the run has not seen one loss that is a number."""
    start = checkpoint.at_step(folder, first_step)
    older = [prefix.name for prefix in checkpoint.in_order(folder) if checkpoint.step_of(prefix) < first_step]
    way_back = f"; to go back to {older[-1]}, move {start}.* away" if older else ""
    return (
        f"it was the first step of this run, so look at these images, PRECISION and pipeline.config too, not at "
        f"LEARNING_RATE alone; training goes on from {start.name}{way_back}"
    )


def _set_aside_after(folder: Path, well_until: int) -> list[Path]:
    there = checkpoint.in_order(folder)
    doubtful = [prefix for prefix in there if checkpoint.step_of(prefix) > well_until]
    if len(doubtful) == len(there):
        return []
    return [checkpoint.set_aside(prefix, "diverged") for prefix in doubtful]
