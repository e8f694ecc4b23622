"""Have the training of a model save and end, wherever it was started.

    python -m todus.training.process.stop --model-dir model/NAME

It ends as by Ctrl-C: the step is finished, a checkpoint written. `make train` goes on from there.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from todus import checkpoint, command, progress
from todus.errors import UserError, WorldError
from todus.layout import Model
from todus.training.process import running

PATIENCE = 600.0  # seconds; a large model on a slow disk, or an evaluation that has to come to its end
LOOK_EVERY = 0.2


def stop(model: Model, patience: float = PATIENCE) -> None:
    """Ask the run to end and wait until it has.

    Raises:
      UserError: the run is another user's.
      WorldError: it has not ended after `patience` seconds.
    """
    run = running.current(model)
    if run is None:
        progress.say(_without_run(model))
        return
    before = checkpoint.newest(model.training)
    try:
        os.kill(run.pid, signal.SIGTERM)
    except PermissionError:
        raise UserError(f"process {run.pid}, which trains {model.name}, is another user's; ask that one") from None
    except ProcessLookupError:
        pass  # it has ended by itself
    _wait(model, run, patience)
    _tell(model, before)


def _without_run(model: Model) -> str:
    workers = " ".join(map(str, running.workers(model)))
    if not workers:
        return f"nothing trains {model.name}"
    return (
        f"another host leads this training of {model.name}: run make train-stop there, or end the worker here alone "
        f"with: kill {workers}"
    )


def _wait(model: Model, run: running.Run, patience: float) -> None:
    """Wait until the run is gone, and tell now and then that we do."""
    progress.say(f"process {run.pid} was asked to save and end")
    started = told = time.monotonic()
    while running.current(model) == run:
        now = time.monotonic()
        if now - started > patience:
            raise _has_not_ended(model, run, patience)
        if now - told > progress.PLAIN_LINE_EVERY:
            told = now
            progress.say(f"waiting for it since {progress.human_time(now - started)}")
        time.sleep(LOOK_EVERY)


def _has_not_ended(model: Model, run: running.Run, patience: float) -> WorldError:
    newest = checkpoint.newest(model.training)
    return WorldError(
        f"process {run.pid} has not ended in {progress.human_time(patience)}; see {progress.shown(model.train_log)}; "
        f"kill -9 {run.pid} ends it, which loses the steps since {newest.name if newest else 'the start'}"
    )


def _tell(model: Model, before: Path | None) -> None:
    newest = checkpoint.newest(model.training)
    if newest == before:
        progress.say(f"training has ended; there was nothing to save since {newest.name if newest else 'the start'}")
    else:
        progress.say(f"training has ended and saved {progress.shown(newest)}")


def main() -> None:
    arguments = command.parser(__doc__)
    command.add_model_dir(arguments)
    model = Model(arguments.parse_args().model_dir)
    stop(model)
    progress.next_step(command.for_model("train", model))


if __name__ == "__main__":
    command.run(main)
