"""The real Makefile and scripts in a checkout of their own, whose Python modules only tell how they were called."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
VERB_MODULES = (
    "coco.statistics",
    "coco.dataset",
    "zoo.models",
    "zoo.prepare",
    "training.train",
    "training.process.run_status",
    "training.process.stop",
    "training.monitoring.tensorboard",
    "training.quantization.start",
    "evaluation.evaluate",
    "detecting.detect",
    "exporting.inference_graph",
    "exporting.tflite_graph",
    "converting.tflite",
    "converting.onnx",
    "converting.uff",
    "device_kit.kit",
    "benchmark.benchmark",
    "demo.tour",
    "doctor",
)
TELL_CALL = """
import json, os, sys
print(json.dumps({"module": __spec__.name, "arguments": sys.argv[1:], "environment": dict(os.environ)}))
"""


class Shell:
    """Runs commands in `folder` with an environment that holds nothing of the session around the tests."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "LC_ALL": "C", "VENV": sys.prefix}

    def run(self, *command: str, cwd: Path | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=cwd or self.folder,
            env={**self.environment, **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )

    def make(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return self.run("make", *arguments, **variables)

    def script(self, verb: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return self.run(str(self.folder / "scripts" / f"{verb}.sh"), **variables)

    def prepare(self, *models: str, home: Path | None = None) -> None:
        """Make models look prepared, as far as the scripts can tell."""
        for name in models:
            pipeline = (home or self.folder) / "model" / name / "pretrained" / "pipeline.config"
            pipeline.parent.mkdir(parents=True)
            pipeline.touch()

    def calls(self, finished: subprocess.CompletedProcess[str]) -> list[dict]:
        """How the modules say that they were called."""
        assert finished.returncode == 0, finished.stderr
        return [json.loads(line) for line in finished.stdout.splitlines()]

    def the_error(self, finished: subprocess.CompletedProcess[str]) -> str:
        """The one line of a user's mistake; nothing but make's own line may be beside it."""
        assert finished.returncode == 2
        assert finished.stdout == ""
        lines = [line for line in finished.stderr.splitlines() if not line.startswith("make: ***")]
        assert len(lines) == 1, finished.stderr
        assert lines[0].startswith("todus: ")
        return lines[0]


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A shell in a checkout under a path with a space."""
    folder = tmp_path / "a checkout"
    shutil.copytree(CHECKOUT / "scripts", folder / "scripts")
    (folder / "tests").mkdir()
    for name in ("Makefile", "requirements.txt", "tests/requirements.txt"):
        shutil.copy(CHECKOUT / name, folder / name)
        # Older than any stamp: these tests run in an environment that must not be built anew under their feet.
        os.utime(folder / name, (0, 0))
    for module in VERB_MODULES:
        path = folder / "python" / "todus" / f"{module.replace('.', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(TELL_CALL)
    return Shell(folder)
