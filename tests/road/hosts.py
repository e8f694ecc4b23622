"""Processes that train together on the loopback interface, each as a host of its own would run it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from support import NAME, verb_environment
from todus import layout
from todus.training.distributed import free_ports

PATIENCE = 600.0  # seconds until something that has to come counts as not coming: other tests may be at work

TIED = ("setpriv", "--pdeathsig", "KILL")  # before a command: it does not outlive the tests, however those end


@dataclass
class Host:
    """What runs `make train` with a TF_CONFIG of its own; start it as often as it is to run."""

    home: layout.Home
    tf_config: str
    log: Path
    variables: dict[str, str]
    process: subprocess.Popen | None = None
    begun: int = field(default=0)  # where in the log the process at hand began

    def start(self, **variables: str) -> Host:
        with self.log.open("ab") as output:
            self.begun = output.tell()
            self.process = subprocess.Popen(
                [*TIED, layout.CHECKOUT / "scripts" / "train.sh"],
                env=verb_environment(self.home, TF_CONFIG=self.tf_config, **{**self.variables, **variables}),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        return self

    def said(self) -> str:
        """All that the process at hand has said so far."""
        return self.log.read_bytes()[self.begun :].decode()

    def wait_for(self, pattern: str) -> re.Match:
        """What the process says of `pattern`, once it does."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            has_ended = self.process.poll() is not None
            match = re.search(pattern, self.said())
            if match:
                return match
            assert not has_ended, f"ended with {self.process.returncode} before {pattern!r}:\n{self.said()}"
            time.sleep(0.1)
        raise AssertionError(f"{pattern!r} did not come:\n{self.said()}")

    def trains(self) -> None:
        """Wait for the first step; from then on the process leaves the cores to those that have yet to start."""
        self.wait_for("first step after")
        for thread in Path(f"/proc/{self.process.pid}/task").iterdir():
            with contextlib.suppress(ProcessLookupError):
                os.setpriority(os.PRIO_PROCESS, int(thread.name), 19)

    def kill(self) -> None:
        """As a host that loses its power."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """As Ctrl-C; returns the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.ended()

    def ended(self) -> int:
        """The exit status, once the process has ended."""
        return self.process.wait(PATIENCE)


@contextmanager
def hosts(folder: Path, homes: dict[str, layout.Home], **variables: str) -> Iterator[dict[str, Host]]:
    """A chief, a worker and a ps by job, none of them started; whatever still runs in the end is killed.

    Args:
      homes: where the chief and the worker find their model; the ps has none.
    """
    cluster = {job: [address] for job, address in zip(("chief", "worker", "ps"), free_ports.addresses(3), strict=True)}
    made = {job: _host(folder, job, cluster, homes.get(job, layout.Home(folder)), variables) for job in cluster}
    try:
        yield made
    finally:
        for host in made.values():
            if host.process and host.process.poll() is None:
                host.kill()


def _host(folder: Path, job: str, cluster: dict[str, Sequence[str]], home: layout.Home, variables: dict) -> Host:
    tf_config = json.dumps({"cluster": cluster, "task": {"type": job, "index": 0}})
    return Host(home, tf_config, folder / f"{job}.log", {**variables} if job == "ps" else {"MODEL": NAME, **variables})
