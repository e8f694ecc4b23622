"""OBJECT_DETECTION_DIR: another revision of the API, from a checkout of tensorflow/models."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from support import TINY_PIPELINE, run_python
from todus.bridge import location
from todus.errors import UserError

BUILD = """
import json, sys
from todus.bridge import detection_model, pipeline
shapes = detection_model.variable_shapes(pipeline.parse(sys.argv[1]))
modules = ["object_detection", "object_detection.exporter", "object_detection.protos.ssd_pb2"]
modules += ["nets", "nets.mobilenet_v1"]
places = {name: sys.modules[name].__spec__.origin for name in modules}
print(json.dumps({"variables": len(shapes), **places}))
"""


@pytest.fixture
def research(tmp_path) -> Path:
    """The installed API laid out as a checkout's `research` folder has it: `nets` in slim/, not beside model_lib.py."""
    installed = Path(importlib.util.find_spec("object_detection").origin).parent
    research = tmp_path / "models" / "research"
    for folder in (research / "object_detection", research / "slim"):
        folder.mkdir(parents=True)
    for entry in installed.iterdir():
        parent = "slim" if entry.name == "nets" else "object_detection"
        (research / parent / entry.name).symlink_to(entry)
    return research


def test_a_checkout_is_what_is_imported_and_its_models_build(research):
    result = run_python(BUILD, TINY_PIPELINE, OBJECT_DETECTION_DIR=str(research))
    assert result.returncode == 0, result.stderr
    told = json.loads(result.stdout)
    assert told.pop("variables") == 199
    for name, origin in told.items():
        assert Path(origin).is_relative_to(research / ("slim" if name.startswith("nets") else "object_detection")), name


@pytest.mark.parametrize("inside", ["", "object_detection"], ids=["something else", "one folder too deep"])
def test_a_wrong_folder_is_named(inside, research, monkeypatch):
    wrong = research / inside if inside else research.parent
    monkeypatch.setenv(location.CHECKOUT_VARIABLE, str(wrong))
    with pytest.raises(UserError, match="point it at the research folder") as refused:
        location.put_on_path()
    assert f"OBJECT_DETECTION_DIR={wrong} " in str(refused.value)


def test_without_it_the_installed_package_is_taken(monkeypatch):
    monkeypatch.delenv(location.CHECKOUT_VARIABLE, raising=False)
    assert location.put_on_path() == Path(importlib.util.find_spec("object_detection").origin).parent
    assert importlib.util.find_spec("nets.mobilenet_v1") is not None


WITHOUT_PACKAGES = """
import sys
from todus import command
from todus.bridge import location
sys.path = [folder for folder in sys.path if "site-packages" not in folder]
command.run(location.put_on_path)
"""


def test_an_api_that_is_not_installed_is_told_how_to_get():
    result = run_python(WITHOUT_PACKAGES, OBJECT_DETECTION_DIR="")
    assert result.returncode == 2
    assert result.stderr == "todus: the Object Detection API is not installed; run: make install\n"
