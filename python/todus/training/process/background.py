"""Train without the terminal: a process of its own, which goes on when the terminal is closed."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from todus import command, progress
from todus.errors import TodusError, UserError, WorldError
from todus.layout import Model
from todus.training.process import running

LOOK_EVERY = 0.1  # seconds
FIRST_STEP = "first step after"  # as training/steps.py says it
COMPLAINT = "todus: "  # as command.run says why it failed


def start(model: Model, arguments: Sequence[str]) -> None:
    """Run `python -m todus.training.train arguments` in the background; returns when it has done its first step.

    What it says meanwhile is shown. All of it goes to train.log.

    Raises:
      UserError, WorldError: it has failed; the text is its own.
    """
    model.train_log.parent.mkdir(parents=True, exist_ok=True)
    with model.train_log.open("ab") as log:
        begin = log.tell()
        with _hangups_ignored():
            process = subprocess.Popen(
                [sys.executable, "-m", running.MODULE, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
    try:
        _follow(process, model.train_log, begin)
    except KeyboardInterrupt:
        progress.say("interrupted; training goes on")
    if process.poll() is None:
        progress.say(
            f"process {process.pid} trains {model.name} in the background; log: {progress.shown(model.train_log)}"
        )
        progress.next_step(f"{command.for_model('train-status', model)}, or {command.for_model('train-stop', model)}")


@contextmanager
def _hangups_ignored() -> Iterator[None]:
    """Processes started meanwhile ignore SIGHUP, by which a terminal that is closed ends what runs in it."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)


def _follow(process: subprocess.Popen, log: Path, begin: int) -> None:
    """Show what the process says until it has done its first step, or has ended. Raises TodusError if it has failed."""
    complaint = ""
    with log.open(encoding="utf-8", errors="replace") as lines:
        lines.seek(begin)
        while True:
            has_ended = process.poll() is not None  # asked before the last look at the log
            for line in lines.read().splitlines():
                if line.startswith(COMPLAINT):
                    complaint = line.removeprefix(COMPLAINT)
                    continue
                progress.say(line)
                if FIRST_STEP in line:
                    return
            if has_ended:
                break
            time.sleep(LOOK_EVERY)
    if process.returncode:
        raise _failure(process.returncode, complaint, log)


def _failure(status: int, complaint: str, log: Path) -> TodusError:
    if not complaint:
        how = signal.Signals(-status).name if status < 0 else f"exit status {status}"
        return WorldError(f"training in the background failed ({how}); its last words are in {progress.shown(log)}")
    return UserError(complaint) if status == UserError.exit_status else WorldError(complaint)
