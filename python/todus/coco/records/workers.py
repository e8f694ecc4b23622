"""One function for many jobs, in several processes.

The processes are started anew (spawn): forking one that has threads, such as those of TensorFlow or of a progress bar,
is not safe. Each has a pipe of its own, so that it sees when this process goes, however that ends, and goes too:
the executors of the standard library leave theirs behind if this process is killed.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from todus.errors import TodusError, WorldError


def cores() -> int:
    """How many processes can run at once."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run(function: Callable[[Any], Any], jobs: Iterable[Any], processes: int) -> Generator[tuple[int, Any], None, None]:
    """Yield (number of the job, function(job)) for each of `jobs`, in the order in which they are done.

    Function, jobs and what comes of them go through pickle; `jobs` is read as it is worked off. What the function
    raises is raised here (a UserError as the same UserError), and ends the processes, as closing the generator does.
    """
    with _started(function, processes) as workers:
        numbered = iter(enumerate(jobs))
        busy: dict[Connection, int] = {}
        for worker in workers:
            _give(worker, numbered, busy)
        while busy:
            for worker in wait(list(busy)):
                number = busy.pop(worker)
                result = _result(worker)
                _give(worker, numbered, busy)
                yield number, result


def _give(worker: Connection, jobs: Iterator[tuple[int, Any]], busy: dict[Connection, int]) -> None:
    """Send the next job, if there is one."""
    for number, job in jobs:
        try:
            worker.send(job)
        except OSError:
            raise _lost() from None
        busy[worker] = number
        return


def _result(worker: Connection) -> Any:
    try:
        succeeded, result = worker.recv()
    except (EOFError, OSError):
        raise _lost() from None
    if not succeeded:
        raise result
    return result


def _lost() -> WorldError:
    return WorldError("one of the worker processes was ended from outside (out of memory?); run the same command again")


@contextmanager
def _started(function: Callable[[Any], Any], processes: int) -> Iterator[list[Connection]]:
    context = multiprocessing.get_context("spawn")
    workers: list[tuple[BaseProcess, Connection]] = []
    try:
        with _no_interrupt():
            for _ in range(processes):
                ours, theirs = context.Pipe()
                process = context.Process(target=_serve, args=(function, theirs), daemon=True)
                process.start()
                theirs.close()
                workers.append((process, ours))
        yield [connection for _, connection in workers]
    finally:
        for process, connection in workers:
            process.terminate()
            connection.close()
        for process, _ in workers:
            process.join()


@contextmanager
def _no_interrupt() -> Iterator[None]:
    """Processes started meanwhile ignore Ctrl-C, which the terminal sends to all, from their first moment on: this one
    ends them. (Blocking the signal would not do: multiprocessing unblocks it when it starts its first process.)"""
    if threading.current_thread() is not threading.main_thread():  # where Python does not let one change this
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _serve(function: Callable[[Any], Any], connection: Connection) -> None:
    """What a worker does, until nobody asks any more."""
    try:
        while True:
            job = connection.recv()
            try:
                answer = True, function(job)
            except (TodusError, OSError) as error:  # shown to the user in a line
                answer = False, error
            except Exception:  # a bug: the traceback would be lost on the way
                answer = False, RuntimeError(f"in a worker process:\n{traceback.format_exc()}")
            connection.send(answer)
    except (EOFError, OSError):
        pass
