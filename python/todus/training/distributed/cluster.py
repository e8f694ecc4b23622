"""The machines that train together, as TensorFlow's standard TF_CONFIG names them, and what this process is of them.

{"cluster": {"chief": ["a:2222"], "worker": ["b:2222"], "ps": ["c:2222"]}, "task": {"type": "worker", "index": 0}}

python -m todus.training.distributed.cluster --tf-config "$TF_CONFIG"      # prints chief, worker or ps
"""

from __future__ import annotations

import argparse
import json
import re
from dataclasses import dataclass

from todus import command, progress
from todus.errors import UserError

CHIEF, WORKER, SERVER = "chief", "worker", "ps"
JOBS = (CHIEF, WORKER, SERVER)
FORMER_CHIEF = "master"  # how the chief was called before TensorFlow 1.5
_ADDRESS = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^\s:/\[\]]+):(\d{1,5})")


@dataclass(frozen=True)
class Cluster:
    """Addresses (`host:port`) by job, and the task of this process.

    The chief trains as the workers do; besides, it alone initialises, saves and evaluates. The parameter servers (ps)
    hold the variables.
    """

    chief: str
    workers: tuple[str, ...]
    servers: tuple[str, ...]
    job: str
    index: int

    @property
    def jobs(self) -> dict[str, list[str]]:
        """As tf.train.ClusterSpec takes them."""
        jobs = {CHIEF: [self.chief], WORKER: list(self.workers), SERVER: list(self.servers)}
        return {job: addresses for job, addresses in jobs.items() if addresses}

    @property
    def is_chief(self) -> bool:
        return self.job == CHIEF

    @property
    def is_server(self) -> bool:
        return self.job == SERVER

    @property
    def replicas(self) -> int:
        """How many processes compute gradients: the chief and the workers."""
        return 1 + len(self.workers)

    @property
    def address(self) -> str:
        return self.jobs[self.job][self.index]

    @property
    def task(self) -> str:
        """This process in a few characters, e.g. `worker 1`."""
        return self.job if self.job == CHIEF else f"{self.job} {self.index}"


def parse(text: str | None) -> Cluster | None:
    """The cluster that a TF_CONFIG describes; None where it is empty or describes one process on its own.

    Raises:
      UserError: it is not what TensorFlow's documentation says it should be.
    """
    if not text or not text.strip():
        return None
    try:
        config = json.loads(text)
    except ValueError as error:
        raise _wrong(
            f"is not JSON ({error})", "write names and addresses in double quotes, all of it in single ones"
        ) from None
    if not isinstance(config, dict) or not isinstance(config.get("cluster", {}), dict):
        raise _wrong('is no object with "cluster" and "task" in it', "see Many machines in the README")
    jobs = _jobs(config.get("cluster", {}))
    if set(jobs) <= {CHIEF}:
        return None
    job, index = _task(config.get("task"), jobs)
    return Cluster(jobs[CHIEF][0], jobs.get(WORKER, ()), jobs[SERVER], job, index)


def _jobs(cluster: dict) -> dict[str, tuple[str, ...]]:
    """The addresses of each job, checked."""
    jobs = {_current_name(job): _addresses(job, addresses) for job, addresses in cluster.items() if addresses}
    unknown = [job for job in jobs if job not in JOBS]
    if unknown:
        hint = "the chief evaluates" if unknown[0] == "evaluator" else f"the jobs are {', '.join(JOBS)}"
        raise _wrong(f"names a job {unknown[0]!r}", f"take it out: {hint}")
    if jobs and len(jobs.get(CHIEF, ())) != 1:
        count = len(jobs.get(CHIEF, ()))
        raise _wrong(f"names {count or 'no'} chief{'s' if count else ''}", 'name one: {"chief": ["host:2222"], ...}')
    if WORKER in jobs and SERVER not in jobs:
        raise _wrong("names workers, but no ps to hold the variables", 'add "ps": ["host:2223"]; it may share a host')
    everyone = [address for addresses in jobs.values() for address in addresses]
    twice = next((address for address in everyone if everyone.count(address) > 1), None)
    if twice:
        raise _wrong(f"names {twice} twice", "give each process an address of its own, as by another port")
    return jobs


def _current_name(job: str) -> str:
    return CHIEF if job == FORMER_CHIEF else job


def _addresses(job: str, addresses: object) -> tuple[str, ...]:
    if not isinstance(addresses, list) or not all(isinstance(address, str) for address in addresses):
        raise _wrong(f"has no list of addresses for {job!r}", f'write "{job}": ["host:2222"]')
    for address in addresses:
        match = _ADDRESS.fullmatch(address)
        if not match or not 0 < int(match[2]) < 65536:
            raise _wrong(f"has {address!r} for {job!r}, which is no host:port", f'write "{job}": ["host:2222"]')
    return tuple(addresses)


def _task(task: object, jobs: dict[str, tuple[str, ...]]) -> tuple[str, int]:
    """The job and the index of this process, which are sure to be in the cluster."""
    if not isinstance(task, dict) or not isinstance(task.get("type"), str):
        raise _wrong("does not say which task this process is", 'add "task": {"type": "worker", "index": 0}')
    job, index = _current_name(task["type"]), task.get("index", 0)
    if job not in jobs:
        raise _wrong(f"says that this is a {task['type']!r}, which its cluster does not have", _one_of(jobs))
    if not str(index).isdecimal() or int(index) >= len(jobs[job]):
        raise _wrong(
            f"says that this is {job} {index!r}; its cluster has {len(jobs[job])}, counted from 0", _one_of(jobs)
        )
    return job, int(index)


def _one_of(jobs: dict[str, tuple[str, ...]]) -> str:
    tasks = [f'"{job}" {index}' for job, addresses in jobs.items() for index in range(len(addresses))]
    return f"give each host its own task, one of: {', '.join(tasks)}"


def _wrong(what: str, fix: str) -> UserError:
    return UserError(f"TF_CONFIG {what}; {fix}")


def main() -> None:
    arguments = command.parser(__doc__)
    add_argument(arguments)
    cluster = parse(arguments.parse_args().tf_config)
    progress.say(cluster.job if cluster else CHIEF)


def add_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--tf-config", metavar="JSON", help="the machines that train together, as TensorFlow names them"
    )


if __name__ == "__main__":
    command.run(main)
