"""A cluster on this machine, of processes that this one starts: a parameter server and the other workers.

With GPUs each worker has one of its own. The output of the processes goes to training/worker-0.log and so on; they end
when the chief ends training, or when this process is gone, however that came.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from todus import progress
from todus.errors import UserError, WorldError
from todus.training.distributed import free_ports, orphans, parameter_server
from todus.training.distributed.cluster import CHIEF, SERVER, WORKER, Cluster

TRAIN = "todus.training.train"
PATIENCE = 10.0  # seconds that a process has to end after it was told to


@contextlib.contextmanager
def started(workers: int, gpus: int, arguments: Sequence[str], folder: Path, sync: bool) -> Iterator[Cluster]:
    """Start the other processes of a cluster of `workers`, of which this one is the chief; they end with the block.

    Args:
      gpus: that TensorFlow sees here.
      arguments: those that this process was called with.
      folder: for the logs.
      sync: whether training waits for every worker at each step.

    Raises:
      UserError: there are GPUs, but fewer than workers.
      WorldError: a process was lost that training cannot go on without; it was stopped, as by SIGTERM.
    """
    if 0 < gpus < workers:
        raise UserError(f"WORKERS={workers} needs a GPU each, and there are {gpus}; use WORKERS={gpus}, or fewer")
    cluster = _on_free_ports(workers)
    folder.mkdir(parents=True, exist_ok=True)
    lost: list[str] = []
    with _stopped_in_one_line(lost), contextlib.ExitStack() as processes:
        server = ["-m", parameter_server.__name__, "--tf-config", _config(cluster, SERVER, 0)]
        without = "training cannot go on without the process that holds the variables"
        processes.enter_context(_running(server, folder / "ps-0.log", {}, _Need(without, lost)))
        for index in range(len(cluster.workers)):
            own = ["--tf-config", _config(cluster, WORKER, index), "--workers", "1", "--background", "0"]
            worker = ["-m", TRAIN, *arguments, *own]
            log = folder / f"worker-{index}.log"
            need = _Need("SYNC=1 waits for every worker" if sync else "", lost)
            processes.enter_context(_running(worker, log, _only_gpu(index + 1) if gpus else {}, need))
        where = f"{progress.shown(folder)}/worker-*.log"
        progress.say(f"{workers} workers train together on this machine; what the others say is in {where}")
        yield cluster


def _on_free_ports(workers: int) -> Cluster:
    chief, server, *others = free_ports.addresses(workers + 1)
    return Cluster(chief, tuple(others), (server,), CHIEF, 0)


def _config(cluster: Cluster, job: str, index: int) -> str:
    return json.dumps({"cluster": cluster.jobs, "task": {"type": job, "index": index}})


def _only_gpu(number: int) -> dict[str, str]:
    """The environment in which a process sees one of the GPUs that this one does."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    return {"CUDA_VISIBLE_DEVICES": visible[number] if number < len(visible) else str(number)}


@dataclass(frozen=True)
class _Need:
    """Of a process. why: training cannot go on without it; empty where it can. lost: gets a line when it has gone."""

    why: str
    lost: list[str]


@contextlib.contextmanager
def _stopped_in_one_line(lost: list[str]) -> Iterator[None]:
    """SIGTERM ends the block from its beginning on; where that was for a process that was lost, say so."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
        if lost:
            raise WorldError(f"{lost[0]}; run the same command to go on from the newest checkpoint") from None


@contextlib.contextmanager
def _running(arguments: Sequence[str], log: Path, environment: dict[str, str], need: _Need) -> Iterator[None]:
    """Run Python with `arguments`; at the end of the block the process has ended, or is ended.

    It is deaf to Ctrl-C, which is meant for the chief. The end of its standard input tells it that the chief is gone.
    """
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, *arguments, orphans.OPTION],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            env={**os.environ, **environment},
            start_new_session=True,
        )
    ending = threading.Event()
    threading.Thread(target=_watch, args=(process, log, ending, need), daemon=True).start()
    try:
        yield
    finally:
        ending.set()
        _end(process)


def _watch(process: subprocess.Popen, log: Path, ending: threading.Event, need: _Need) -> None:
    """Say when the process fails, and have training save and end if that cannot go on without it."""
    status = process.wait()
    if ending.is_set() or status == 0:  # a worker that has reached the last step may be the first to end
        return
    line = f"a process has ended with status {status} (its last words are in {progress.shown(log)})"
    if need.why:
        need.lost.append(f"{line}, and {need.why}")
        os.kill(os.getpid(), signal.SIGTERM)
    else:
        progress.say(f"{line}; the others go on")


def _end(process: subprocess.Popen) -> None:
    """Have the process end: it has been told that training is over, or is told now that the chief has gone."""
    with contextlib.suppress(BrokenPipeError):
        process.stdin.close()
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
