"""Tell whether a model is being trained, how far it is, and how good it is by now.

    python -m todus.training.process.run_status --model-dir model/NAME

Changes nothing, and starts no TensorFlow.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

from todus import checkpoint, command, progress
from todus.layout import Model
from todus.markdown import percent
from todus.training.process import running
from todus.training.validating import best, evaluations
from todus.training.validating.evaluations import Evaluations
from todus.zoo import prepared

TAIL = 64 * 1024  # bytes of train.log that are looked through
_PROGRESS = re.compile(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) train: (.+)$", re.MULTILINE)


def lines(model: Model) -> Iterator[tuple[str, str]]:
    """(what, how it stands)."""
    run = running.current(model)
    yield "training", running_since(run) if run else _without_run(model)
    said = last_progress(model)
    if said:
        yield "progress", said
    known = evaluations.read(model)
    if known is not None and known.done:
        yield "evaluated", _evaluated(known)
    yield "checkpoint", _shown(checkpoint.newest(model.training))
    kept = best.read(model)
    if kept is not None:
        yield "best", f"{_shown(kept.prefix)}, AP {percent(kept.ap)} on {kept.images:,} images"


def _without_run(model: Model) -> str:
    workers = ", ".join(map(str, running.workers(model)))
    return f"is led by another host; process {workers} here is a worker of it" if workers else "does not run"


def running_since(run: running.Run) -> str:
    since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(run.started))
    return f"runs, process {run.pid}, since {since} ({progress.human_time(max(0.0, time.time() - run.started))})"


def last_progress(model: Model) -> str | None:
    """The newest line of progress in train.log: step, losses, speed and the time that is left, and when that was."""
    try:
        with model.train_log.open("rb") as log:
            log.seek(max(0, model.train_log.stat().st_size - TAIL))
            text = log.read().decode(errors="replace")
    except FileNotFoundError:
        return None
    found = _PROGRESS.findall(text)
    return f"{found[-1][1]} (at {found[-1][0]})" if found else None


def _evaluated(known: Evaluations) -> str:
    """The last three evaluations; the best one is told beside its checkpoint."""
    shown = [f"step {one.step} AP {percent(one.ap)}" for one in known.done[-3:]]
    return f"{', '.join(shown)} on {known.images:,} images"


def _shown(prefix) -> str:
    return f"{progress.shown(prefix)} ({progress.human_size(checkpoint.size_on_disk(prefix))})"


def main() -> None:
    parser = command.parser(__doc__)
    command.add_model_dir(parser)
    model = Model(parser.parse_args().model_dir)
    prepared.require_model(model)
    progress.say(f"{model.name} ({progress.shown(model.folder)})")
    for what, state in lines(model):
        progress.say(f"  {what:11}{state}")
    verb = "train-stop" if running.current(model) else "train"
    progress.next_step(command.for_model(verb, model))


if __name__ == "__main__":
    command.run(main)
