"""The real TensorFlow 1.15.5 in an environment of its own, for tests that compare with it.

TODUS_ORACLE=1 sets it up (half a minute, 1.5 GB in a temporary folder); TODUS_ORACLE=/some/folder sets it up there, and
finds it there again. Without TODUS_ORACLE, or without a python3.7 on the PATH, these tests are skipped and say so.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

WISH = os.environ.get("TODUS_ORACLE", "")
BINARIES = "pycocotools,numpy,h5py,grpcio,matplotlib,pillow,scipy,pandas,lxml"
PACKAGES = (
    "tensorflow==1.15.5 protobuf<3.21 numpy<1.19 h5py<3 pycocotools<2.0.8 tf_slim==1.1.0 pillow<10 matplotlib<3.4 "
    "scipy lxml contextlib2 pandas<1.2"
)
WITHOUT_DEPENDENCIES = "lvis==0.5.3 tf-models-research-object-detection==2.8.0.post1"


@pytest.fixture(scope="session")
def python_of_tensorflow_1(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not WISH:
        pytest.skip("TODUS_ORACLE is not set: not compared with the real TensorFlow 1.15")
    folder = tmp_path_factory.mktemp("oracle") if WISH == "1" else Path(WISH)
    python = folder / "bin" / "python"
    if not python.is_file():
        base = shutil.which("python3.7")
        if base is None or subprocess.run([base, "-c", ""], capture_output=True, check=False).returncode:
            pytest.skip("there is no python3.7: not compared with the real TensorFlow 1.15")
        for command in (
            [base, "-m", "venv", folder],
            [python, "-m", "pip", "install", "-q", f"--only-binary={BINARIES}", *PACKAGES.split()],
            [python, "-m", "pip", "install", "-q", "--no-deps", *WITHOUT_DEPENDENCIES.split()],
        ):
            subprocess.run(command, check=True, capture_output=True)
    return python


@pytest.fixture(scope="session")
def in_tensorflow_1(python_of_tensorflow_1: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., dict]:
    """`in_tensorflow_1("heads", checkpoint=..., ...)`: run a job of in_tensorflow_1.py, return its result."""
    folder = tmp_path_factory.mktemp("jobs")

    def run(what: str, suffix: str = ".npz", **job: object) -> dict:
        request, result = folder / "job.json", folder / f"result{suffix}"
        request.write_text(json.dumps({"what": what, **job}, default=str), encoding="utf-8")
        environment = {"PATH": os.environ["PATH"]}  # without what our TensorFlow has set for itself
        script = Path(__file__).with_name("in_tensorflow_1.py")
        done = subprocess.run(
            [python_of_tensorflow_1, script, request, result],
            capture_output=True,
            text=True,
            env=environment,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        if suffix == ".json":
            return json.loads(result.read_text(encoding="utf-8"))
        with np.load(result) as file:
            return dict(file)

    return run
