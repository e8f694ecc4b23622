"""Time the formats side by side: a process for each, all loaded and warm, of which one works at a time.

In each round all formats have the same image, one after the other, so that whatever else the machine does hits all
alike. A process that fails takes only its own format with it; all end with this process, however that ends.
"""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from todus import progress
from todus.benchmark.programs import Job
from todus.benchmark.worker import FormatError, Worker

ROUNDS, FEWEST_ROUNDS = 100, 30
ENOUGH = 60.0  # seconds of timing, after which FEWEST_ROUNDS will do
WARM_UP = 5  # rounds that do not count


@dataclass(frozen=True)
class Timings:
    """Seconds of each round; `heads`, backbone and head alone, are of the same rounds or empty."""

    whole: list[float] = field(default_factory=list)
    heads: list[float] = field(default_factory=list)


def measure(jobs: Mapping[str, Job], images: Sequence[Path]) -> dict[str, Timings | str]:
    """Time every job on `images`, again and again if they are few; only the first if rounds end early.

    Returns:
      By the jobs' names the timings, or the reason why there are none.
    """
    taken: dict[str, Timings | str] = {}
    with _started(jobs) as workers:
        running = dict(workers)
        for name, worker in workers.items():
            with _failing_alone(name, running, taken):
                worker.wait_until_ready()
        for number, image in zip(range(WARM_UP), itertools.cycle(images)):
            _round(running, taken, image, number)
        timings = {name: Timings() for name in running}
        with progress.Progress("time", ROUNDS, "round") as bar:
            started = time.monotonic()
            for number, image in zip(range(ROUNDS), itertools.cycle(images)):
                if not running or (number >= FEWEST_ROUNDS and time.monotonic() - started > ENOUGH):
                    break
                for name, (whole, heads) in _round(running, taken, image, number).items():
                    timings[name].whole.append(whole)
                    if heads is not None:
                        timings[name].heads.append(heads)
                bar.advance()
    return {**{name: timings[name] for name in running}, **taken}


def turns(names: Sequence[str], number: int) -> tuple[list[str], bool]:
    """Of round `number`: the formats in order, each the first in its turn; and whether heads come before the whole."""
    cycle, first = divmod(number, len(names))
    return [*names[first:], *names[:first]], bool(cycle % 2)


def _round(
    running: dict[str, Worker], failed: dict[str, str], image: Path, number: int
) -> dict[str, tuple[float, float | None]]:
    """The seconds of each format that runs, whole and heads; one that fails goes from `running` to `failed`."""
    took = {}
    names, heads_first = turns(list(running), number) if running else ([], False)
    for name in names:
        worker = running[name]
        with _failing_alone(name, running, failed):
            took[name] = worker.time(image, heads_first)
    return took


@contextlib.contextmanager
def _failing_alone(name: str, running: dict[str, Worker], failed: dict[str, str]) -> Iterator[None]:
    try:
        yield
    except FormatError as failure:
        failed[name] = str(failure)
        running.pop(name).end()


@contextlib.contextmanager
def _started(jobs: Mapping[str, Job]) -> Iterator[dict[str, Worker]]:
    workers: dict[str, Worker] = {}
    try:
        for name, job in jobs.items():
            workers[name] = Worker(job)
            workers[name].start()
        yield workers
    finally:
        for worker in workers.values():
            worker.end()
