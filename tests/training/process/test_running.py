"""Which processes train a model here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from todus import layout
from todus.training.process import run_status, running, stop

CLUSTER = {"chief": ["a:2222"], "worker": ["b:2222"], "ps": ["a:2223"]}


@pytest.mark.parametrize(("job", "is_worker"), [("worker", True), ("chief", False)])
def test_a_worker_of_another_host_is_told_of_and_left_alone(tmp_path: Path, capsys, job: str, is_worker: bool) -> None:
    model = layout.Home(tmp_path).model("little")
    tf_config = json.dumps({"cluster": CLUSTER, "task": {"type": job, "index": 0}})
    arguments = [running.MODULE, "--model-dir", str(model.folder), "--tf-config", tf_config]
    waiting = [sys.executable, "-c", "print(flush=True); input()", *arguments]
    process = subprocess.Popen(waiting, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        process.stdout.readline()  # only now the system is certain to tell its arguments
        assert running.workers(model) == ([process.pid] if is_worker else [])
        assert running.workers(layout.Home(tmp_path).model("other")) == []
        stop.stop(model)
        assert (f"kill {process.pid}\n" in capsys.readouterr().out) == is_worker
        assert ("is led by another host" in run_status._without_run(model)) == is_worker
        assert process.poll() is None
    finally:
        process.kill()
        process.communicate()
