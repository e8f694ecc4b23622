"""The tour: what it takes over from an earlier one, how it ends when a verb fails or Ctrl-C comes, its conclusion."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from support import run_python
from todus import checkpoint, files, layout
from todus.demo import little_zoo, mini_coco, tour

PARTS = ("home", "zoo-maker", "mirror/zoo")


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    """The folder of an earlier tour, with a file in each of its parts."""
    coco = tmp_path / "mirror" / "coco"
    files.write_json(coco / mini_coco.MANIFEST, {"seed": 1})
    tour.delete_outdated(tmp_path, coco)
    for part in PARTS:
        files.write_text(tmp_path / part / "file", "made by an earlier tour")
    return tmp_path


def again(demo: Path) -> set[str]:
    """Begin another tour in `demo`; returns the parts that it has left there."""
    tour.delete_outdated(demo, demo / "mirror" / "coco")
    return {part for part in PARTS if (demo / part / "file").is_file()}


def test_a_tour_with_the_same_settings_keeps_everything(demo, capsys):
    assert again(demo) == set(PARTS)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(("setting", "value"), [("STEPS", 300), ("CATEGORIES", "clock"), ("LEARNING_RATE", 0.1)])
def test_other_settings_of_the_road_delete_the_road_alone_and_say_so(demo, capsys, monkeypatch, setting, value):
    monkeypatch.setattr(tour, setting, value)
    assert again(demo) == {"zoo-maker", "mirror/zoo"}
    assert capsys.readouterr().out == f"deleting {demo}/home: an earlier tour made it with other settings\n"
    assert not (demo / "home").exists()
    files.write_text(demo / "home" / "file", "made by this tour")
    assert again(demo) == set(PARTS)


def test_another_pipeline_deletes_the_little_zoo_model_and_what_came_of_it(demo, capsys, monkeypatch, tmp_path):
    other = tmp_path / "other.config"
    other.write_text(little_zoo.PIPELINE.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    monkeypatch.setattr(little_zoo, "PIPELINE", other)
    assert again(demo) == set()
    said = capsys.readouterr().out
    assert all(f"deleting {demo}/{part}:" in said for part in PARTS)


def test_another_mini_coco_deletes_all_that_came_of_it(demo):
    files.write_json(demo / "mirror" / "coco" / mini_coco.MANIFEST, {"seed": 2})
    assert again(demo) == set()
    assert (demo / "mirror" / "coco" / mini_coco.MANIFEST).is_file()


@pytest.mark.parametrize("content", [None, "", "{}", '{"road": 1}'])
def test_a_folder_of_unknown_settings_is_begun_anew(demo, content):
    note = demo / tour.SETTINGS
    note.unlink()
    if content is not None:
        note.write_text(content)
    assert again(demo) == set()
    assert json.loads(note.read_text())["road"]["steps"] == tour.STEPS


RUN = """
import sys
from todus import command
from todus.demo import tour
command.run(lambda: tour.run([sys.executable, "-c", sys.argv[1]], ADDED="to the environment"))
"""


def test_a_command_that_fails_has_the_only_word(tmp_path):
    result = run_python(RUN, "import os, sys; print('todus: no', os.environ['ADDED'], file=sys.stderr); sys.exit(2)")
    assert (result.returncode, result.stderr) == (2, "todus: no to the environment\n")
    assert run_python(RUN, "").returncode == 0


def test_a_command_that_is_killed_is_reported_in_one_line():
    result = run_python(RUN, "import os; os.kill(os.getpid(), 9)")
    assert result.returncode == 1
    assert result.stderr.startswith("todus: ")
    assert result.stderr.endswith("was killed by SIGKILL; run make demo again\n")
    assert result.stderr.count("\n") == 1


CLEANS_UP = """
import sys, time
try:
    print("ready", flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    time.sleep(0.5)  # longer than subprocess would wait before it kills
    print("saved", flush=True)
"""


@pytest.mark.parametrize(
    ("ending", "line"),
    [
        ("", "todus: interrupted; run the same command again to go on\n"),
        ("print('todus: my own line', file=sys.stderr); sys.exit(130)", "todus: my own line\n"),
    ],
    ids=["the command ends well", "the command says it itself"],
)
def test_ctrl_c_waits_for_the_command_and_gives_one_line(ending, line):
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, CLEANS_UP + ending],
        env={**os.environ, "PYTHONPATH": str(layout.CHECKOUT / "python")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # a terminal's Ctrl-C reaches all of a group, and is not to reach this test
    )
    assert process.stdout.readline() == "ready\n"
    os.killpg(process.pid, signal.SIGINT)
    said, complaint = process.communicate(timeout=30)
    assert (process.returncode, said, complaint) == (130, "saved\n", line)


def test_the_checkout_s_own_environment_is_not_named(monkeypatch):
    monkeypatch.setattr(sys, "prefix", str(layout.CHECKOUT / ".venv"))
    assert tour.python_environment() == {}
    monkeypatch.setattr(sys, "prefix", "/opt/mine")
    assert tour.python_environment() == {"VENV": "/opt/mine"}


def test_the_conclusion_tells_the_newest_checkpoint_and_only_what_was_evaluated(tmp_path, capsys):
    finished = tour.Tour(tmp_path, "")
    for step in (0, 300):
        for part in ("index", "data-00000-of-00001"):
            files.write_text(Path(f"{checkpoint.at_step(finished.model.training, step)}.{part}"), "")
    summary = {"summary": {"AP": 0.5, "AP50": 0.75}}
    files.write_json(
        finished.model.report, {"pretrained": summary, "model.ckpt-200": summary, "model.ckpt-300": summary}
    )
    tour.conclude(finished)
    said = capsys.readouterr().out
    assert "after 300 steps of training" in said
    assert "75.0" in said
    assert "exported frozen graph" not in said
