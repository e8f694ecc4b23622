"""What a training run is told besides its pipeline, who looks at it, and how it ends."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class Settings:
    """What a run is told besides its pipeline.

    steps: in all, earlier runs included.
    save_seconds, save_steps: between checkpoints; one more is written at the end, however it comes.
    kept: checkpoints that are kept, beside the start of training.
    """

    steps: int
    save_seconds: float | None = 600.0
    save_steps: int | None = None
    kept: int = 5
    precision: str = "auto"
    xla: bool = False


@dataclass(frozen=True)
class Outcome:
    """How a run ended: at which step, and which signal or watcher asked it to stop, if any."""

    step: int
    stopped_by: str | None


class Watcher(Protocol):
    """Who looks at training from outside, as evaluation does. Its time does not count as training's."""

    def at_start(self, step: int, prefix: Path) -> str | None:
        """Called before the first step, which starts from `prefix`; returns why not to train at all, or None."""

    def after_step(self, step: int) -> bool:
        """Whether it wants a checkpoint now."""

    def at_checkpoint(self, step: int, prefix: Path) -> str | None:
        """Called when a checkpoint was written, as `prefix`; returns why to stop, or None to go on.

        A signal ends the call at once, and then nobody is called for what is saved last.
        """
