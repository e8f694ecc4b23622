"""Runs a job in a process of its own, and tells how long it took and how much memory it had."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from todus import layout
from todus.errors import WorldError

KIB = 1024  # the unit of ru_maxrss on Linux


@dataclass(frozen=True)
class Measurement:
    """One run of a whole process, the start of Python included."""

    seconds: float
    peak_bytes: int  # resident memory; at least that of the process that started it, which Linux counts in
    output: str


def run(module: str, *arguments: object) -> Measurement:
    """Run `python -m module arguments`. Raises WorldError with what it said if it fails."""
    started = time.perf_counter()
    with start(module, *arguments, stderr=subprocess.STDOUT) as process:
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - started
    if process.returncode:
        raise WorldError(f"{module} failed: {output.strip() or process.returncode}")
    return Measurement(seconds, usage.ru_maxrss * KIB, output)


def start(module: str, *arguments: object, stderr: int | None = None) -> subprocess.Popen[str]:
    """Start `python -m module arguments`, its output in a pipe."""
    return subprocess.Popen(
        [sys.executable, "-m", module, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(layout.CHECKOUT / "python")},
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
    )


def fastest(runs: Sequence[Measurement]) -> Measurement:
    """The run that was disturbed least."""
    return min(runs, key=lambda run: run.seconds)
