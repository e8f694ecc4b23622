"""What training says, on the terminal and with the time of day in training/train.log."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from pathlib import Path

from todus import layout, progress


class TrainLog:
    """`log.say(text)`: the terminal and the log get it; `log.note(text)`: the log alone.

    Runs append to the same file one after the other. Where standard output is that very file, as of a run in the
    background, a line comes there once. Without a folder there is no log.
    """

    def __init__(self, folder: Path | None):
        self.path = folder / layout.TRAIN_LOG if folder else None

    def say(self, text: str) -> None:
        if not self._is(sys.stdout):
            progress.say(text)
        self.note(text)

    def note(self, text: str) -> None:
        if not self.path:
            return
        # A full disk ends training when a checkpoint cannot be written, with more to say than could be said here.
        with contextlib.suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8") as log:
                log.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}\n")

    @property
    def is_standard_error(self) -> bool:
        """Whether what is written to standard error comes into the log, as of a run in the background."""
        return self._is(sys.stderr)

    def _is(self, stream: object) -> bool:
        """Whether `stream` writes to the log."""
        try:
            return self.path is not None and os.path.samestat(os.fstat(stream.fileno()), self.path.stat())
        except (OSError, ValueError):  # not a file at all, or there is no log yet
            return False
