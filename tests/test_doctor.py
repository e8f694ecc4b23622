"""make doctor: what it finds wrong is wrong, and each fix is named."""

from __future__ import annotations

import os
import re
import shutil
import socket
import sys

import numpy as np
import pytest

from support import run_python, run_verb
from todus import doctor, layout
from todus.doctor import GOOD, NOTE, WRONG
from todus.errors import UserError


def test_here_nothing_is_wrong(tmp_path, mirror_url):
    home = layout.Home(tmp_path)
    found = list(doctor.look(home, f"{mirror_url}/coco", f"{mirror_url}/zoo"))
    assert [finding.line for finding in found if finding.state == WRONG] == []
    assert {finding.what for finding in found} >= {"Python", "packages", "TensorFlow", "disk", "COCO", "zoo", "models"}
    states = {finding.what: finding.state for finding in found}
    assert states["COCO"] == states["zoo"] == GOOD, "though there is nothing at the zoo's very address"
    assert states["models"] == states["dataset limited"] == NOTE


def test_what_is_wrong_is_counted_and_ends_with_its_fix(tmp_path):
    gone = f"file://{tmp_path}/gone"
    result = run_verb("doctor", layout.Home(tmp_path), COCO_URL=gone, ZOO_URL=gone)
    assert result.returncode == 1
    wrong = [line for line in result.stdout.splitlines() if line.startswith("wrong")]
    assert [line.split("; ")[1] for line in wrong] == [
        f"name another folder with {name}_URL" for name in ("COCO", "ZOO")
    ]
    assert result.stdout.endswith("\n2 of these are wrong\n")


def test_another_version_of_a_package_is_named(tmp_path, monkeypatch):
    pins = tmp_path / "requirements.txt"
    pins.write_text('# pins\n--only-binary :all:\nnumpy==1.0\nnowhere==2.0\nelse==3.0 ; python_version < "3.0"\n')
    (tmp_path / doctor.MADE_BY_TODUS).touch()
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    found = f"numpy {np.__version__} (not 1.0), nowhere is missing (not 2.0)"
    assert doctor.packages(pins) == (WRONG, found, "run: make clean-venv install")
    (tmp_path / doctor.MADE_BY_TODUS).unlink()
    assert doctor.packages(pins)[0] == NOTE, "an environment of the user's own is his"


def test_a_host_that_does_not_answer_is_a_note_and_no_address_is_a_mistake():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        state, found, remedy = doctor.reachable("COCO", f"http://127.0.0.1:{closed.getsockname()[1]}")
    assert (state, "connection refused" in found, "proxy" in remedy) == (NOTE, True, True)
    with pytest.raises(UserError):
        doctor.reachable("COCO", "no address")


def test_half_a_dataset_is_told_from_none(tmp_path):
    dataset = layout.Home(tmp_path).dataset("limited")
    assert doctor.dataset(dataset)[:2] == (NOTE, "not made")
    dataset.annotations("val").parent.mkdir(parents=True)
    state, found, remedy = doctor.dataset(dataset)
    assert (state, "is not whole" in found, remedy) == (NOTE, True, "run: make dataset-limited")


def test_a_machine_without_its_api_has_something_wrong(tmp_path, monkeypatch):
    monkeypatch.setenv("OBJECT_DETECTION_DIR", str(tmp_path))
    found = {finding.what: finding for finding in doctor.look(layout.Home(tmp_path), "file:///", "file:///")}
    assert found["detection API"].state == WRONG
    assert "point it at the research folder" in found["detection API"].remedy


def test_packages_that_do_not_go_together_are_told_of_and_the_rest_is_looked_at(tmp_path):
    code = """
import sys
from todus import doctor
class Broken:
    def find_spec(self, name, path=None, target=None):
        if name == "tensorflow":
            raise TypeError("Descriptors cannot be created directly.\\nIf this call")
sys.meta_path.insert(0, Broken())
sys.argv[1:] = ["--home", sys.argv[1], "--coco-url", "file:///", "--zoo-url", "file:///"]
sys.exit(doctor.main())
"""
    result = run_python(code, tmp_path)
    assert (result.returncode, result.stderr) == (1, "")
    wrong = r"^wrong +TensorFlow +TypeError: Descriptors cannot be created directly\.; run: make clean-venv install$"
    assert re.search(wrong, result.stdout, re.M)
    assert re.search(r"^note +models ", result.stdout, re.M)


def test_a_gpu_that_tensorflow_does_not_see_is_wrong(tmp_path, monkeypatch):
    monkeypatch.setattr(doctor, "NVIDIA", tmp_path)
    state, _, remedy = doctor.tensorflow()
    assert (state, "make install GPU=1" in remedy) == (WRONG, True)


def test_an_old_python_and_little_memory(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 9, 1))
    assert doctor.python()[0] == WRONG
    monkeypatch.setattr(os, "sysconf", {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 1 << 19}.get)
    assert doctor.machine()[0] == NOTE


def test_a_full_disk_and_one_that_may_not_be_written(tmp_path, monkeypatch):
    few = shutil.disk_usage(tmp_path)._replace(free=1 << 20)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: few)
    assert doctor.space(layout.Home(tmp_path / "to" / "be" / "made"))[0] == NOTE
    monkeypatch.setattr("os.access", lambda *_: False)
    assert doctor.space(layout.Home(tmp_path))[0] == WRONG
