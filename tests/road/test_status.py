"""make status: what is there of a model, at each station of the road."""

from __future__ import annotations

import json
import shutil

from support import NAME, failed_in_one_line, run_verb
from todus import checkpoint, layout


def said(home: layout.Home, **variables: str) -> list[str]:
    run = run_verb("status", home, **variables)
    assert run.returncode == 0, run.stderr
    return run.stdout.splitlines()


def field(lines: list[str], name: str) -> str:
    (line,) = [line for line in lines if line.strip().startswith(name + " ")]
    return line.strip().removeprefix(name).strip()


def test_of_a_model_as_it_was_cut(home: layout.Home) -> None:
    before = {path: path.stat().st_mtime_ns for path in home.folder.rglob("*")}
    lines = said(home, MODEL=NAME)
    assert field(lines, "pretrained") == "ssd (ssd_mobilenet_v1), 90 classes"
    assert field(lines, "categories") == "traffic light, stop sign, banana"
    assert "model.ckpt-0 (as cut, not trained" in field(lines, "checkpoint")
    assert "train images" in field(lines, "dataset")
    assert field(lines, "evaluated") == field(lines, "exported") == "not yet"
    steps = [line for line in lines if line.startswith("next: ")]
    assert [step.split()[2] for step in steps] == ["eval", "train", "export"]
    assert {path: path.stat().st_mtime_ns for path in home.folder.rglob("*")} == before


def test_it_tells_what_was_trained_evaluated_and_exported(home: layout.Home) -> None:
    model = home.model(NAME)
    checkpoint.write(checkpoint.at_step(model.training, 70), checkpoint.read(checkpoint.newest(model.training)))
    model.evaluation.mkdir()
    model.report.write_text(json.dumps({"model.ckpt-70": {"summary": {"AP": 0.4321}}}))
    model.inference_graph.mkdir()
    model.export_source.write_text("model.ckpt-0\n")
    lines = said(home, MODEL=NAME)
    assert "model.ckpt-70 (70 steps of training" in field(lines, "checkpoint")
    assert field(lines, "evaluated") == "model.ckpt-70 AP 43.2"
    assert field(lines, "exported").endswith("the newest checkpoint is model.ckpt-70")
    assert [line.split()[2] for line in lines if line.startswith("next: ")] == ["train", "export"]


def test_it_tells_of_a_dataset_that_is_for_something_else(home: layout.Home, mirror_url: str) -> None:
    assert run_verb("dataset-limited", home, CATEGORIES="clock", COCO_URL=f"{mirror_url}/coco").returncode == 0
    lines = said(home, MODEL=NAME)
    assert "now holds clock: not what the model is for" in field(lines, "dataset")
    assert f"next: make model MODEL={NAME}" in lines[-1]
    shutil.rmtree(home.dataset("limited").folder)
    lines = said(home, MODEL=NAME)
    assert "is not there" in field(lines, "dataset")
    assert "make dataset-limited CATEGORIES=" in lines[-1]


def test_of_all_models_and_of_none(home: layout.Home, tmp_path) -> None:
    lines = said(home)
    assert lines[0].startswith(f"{NAME}: ")
    assert "model.ckpt-0" in lines[0]
    (tmp_path / "nothing").mkdir()
    assert said(layout.Home(tmp_path / "nothing"))[0] == "no model is there yet"


def test_a_model_that_is_not_there(home: layout.Home) -> None:
    assert failed_in_one_line(run_verb("status", home, MODEL="nobody"), "nobody", "make model MODEL=nobody")
