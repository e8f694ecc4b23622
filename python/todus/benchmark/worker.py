"""A process that runs one format, and times it image by image."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import time
from multiprocessing.connection import Connection
from pathlib import Path

from todus import progress
from todus.benchmark import programs, reasons
from todus.benchmark.programs import Job, Program
from todus.evaluation.detectors.image_reader import read_image

SETTLE = 0.005  # seconds for the threads of the format before to come to rest
PATIENCE = 600.0  # seconds for an image or for loading; longer is a failure


class FormatError(Exception):
    """Why a format cannot be timed."""


class Worker:
    """It ends with `end`, or when this process is gone, however that came."""

    def __init__(self, job: Job):
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(job, theirs), daemon=True)
        # Ctrl-C, which the terminal sends to all, is for this process; it ends the others.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            self._process.start()
        finally:
            signal.signal(signal.SIGINT, before)
        theirs.close()

    def wait_until_ready(self) -> None:
        """Raises FormatError if the format cannot be loaded."""
        self._answer()

    def time(self, image: Path, heads_first: bool) -> tuple[float, float | None]:
        """Seconds for the image as a whole, and of backbone and head alone. Raises FormatError."""
        try:
            self._connection.send((image, heads_first))
        except OSError:
            raise self._lost() from None
        return self._answer()

    def _answer(self) -> tuple[float, float | None]:
        try:
            if not self._connection.poll(PATIENCE):
                raise FormatError(f"no answer within {progress.human_time(PATIENCE)}")
            succeeded, answer = self._connection.recv()
        except (EOFError, OSError):
            raise self._lost() from None
        if not succeeded:
            raise FormatError(answer)
        return answer

    def _lost(self) -> FormatError:
        self._process.join()
        status = self._process.exitcode
        if status < 0:
            why = " (out of memory?)" if status == -signal.SIGKILL else ""
            return FormatError(f"its process was ended by {signal.Signals(-status).name}{why}")
        return FormatError(f"its process ended with status {status}")

    def end(self) -> None:
        self._process.kill()
        self._process.join()
        self._connection.close()


def _serve(job: Job, connection: Connection) -> None:
    """What the process does, until nobody asks any more."""
    from todus.converting.quiet import quiet

    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"  # all formats on the processor
    try:
        with quiet():
            program = programs.load(job)
        connection.send((True, None))
        while True:
            image, heads_first = connection.recv()
            connection.send((True, _time(program, image, heads_first)))
    except (EOFError, BrokenPipeError):
        return
    except Exception as error:  # of whatever kind: it is the reason
        with contextlib.suppress(OSError):
            connection.send((False, reasons.of(error)))


def _time(program: Program, image: Path, heads_first: bool) -> tuple[float, float | None]:
    pixels = read_image(image)
    time.sleep(SETTLE)
    program.whole(pixels)  # does not count: the formats before have had the processor's caches
    runs = {"whole": program.whole, "heads": program.heads} if program.can_stop_at_heads else {"whole": program.whole}
    took = {}
    for name in sorted(runs, reverse=not heads_first):
        started = time.perf_counter()
        runs[name](pixels)
        took[name] = time.perf_counter() - started
    return took["whole"], took.get("heads")
