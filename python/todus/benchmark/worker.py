"""A process that runs one format, and times it image by image."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import time
import traceback
from collections.abc import Iterator
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from pathlib import Path

from todus import progress
from todus.benchmark import formats, programs
from todus.benchmark.programs import Job, Program
from todus.evaluation.detectors.image_reader import read_image
from todus.uninterrupted import uninterrupted

SETTLE = 0.005  # seconds for the threads of the format before to come to rest
PATIENCE = 600.0  # seconds for an image or for loading; longer is a failure
MOMENT = 10.0  # seconds that a process may take to end by itself


class FormatError(Exception):
    """Why a format cannot be timed."""


class Worker:
    """It runs from `start` to `end`, or until this process is gone, however that came."""

    def __init__(self, job: Job):
        context = multiprocessing.get_context("spawn")
        self._connection, self._theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(job, self._theirs), daemon=True)

    def start(self) -> None:
        """A signal that comes meanwhile waits: the process is to be whole, so that it can be ended quietly."""
        with uninterrupted(), _deaf_to_ctrl_c():
            self._process.start()
            self._theirs.close()

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
            raise answer
        return answer

    def _lost(self) -> FormatError:
        self._process.join(MOMENT)
        status = self._process.exitcode
        if status is None:
            return FormatError("its process does not answer any more")
        if status < 0:
            why = " (out of memory?)" if status == -signal.SIGKILL else ""
            return FormatError(f"its process was ended by {signal.Signals(-status).name}{why}")
        return FormatError(f"its process ended with status {status}")

    def end(self) -> None:
        if self._process.pid is not None:
            self._process.kill()
            self._process.join()
        self._connection.close()


@contextlib.contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """For processes that are started meanwhile: the terminal sends it to all, it is for this one, which ends them."""
    resource_tracker.ensure_running()  # which multiprocessing would start with the first, and unblock the signal then
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


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
    except (EOFError, ConnectionError):
        return
    except formats.failures() as error:
        _fail(connection, FormatError(formats.reason(error)))
    except OSError as error:  # shown to the user in a line
        _fail(connection, error)
    except Exception:  # a bug: the traceback would be lost on the way
        _fail(connection, RuntimeError(f"in a process that times a format:\n{traceback.format_exc()}"))


def _fail(connection: Connection, error: Exception) -> None:
    with contextlib.suppress(OSError):  # there may be nobody any more
        connection.send((False, error))


def _time(program: Program, image: Path, heads_first: bool) -> tuple[float, float | None]:
    pixels = read_image(image)
    time.sleep(SETTLE)
    runs = {"whole": program.whole, "heads": program.heads} if program.can_stop_at_heads else {"whole": program.whole}
    took = {}
    for name in sorted(runs, reverse=not heads_first):
        runs[name](pixels)  # does not count: others have had the processor's caches meanwhile
        started = time.perf_counter()
        runs[name](pixels)
        took[name] = time.perf_counter() - started
    return took["whole"], took.get("heads")
