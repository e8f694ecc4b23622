"""make status: what is there of a model, at each station of the road."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable

from support import NAME, failed_in_one_line, run_verb
from todus import checkpoint, files, layout, up_to_date
from todus.evaluation import origin, report


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


def put_report(model: layout.Model, graph: str, ground_truth: str = "", only: Iterable[str] = ()) -> None:
    """As if the checkpoint `graph` had been evaluated, on the dataset that is there unless it is told on what."""
    dataset = layout.Home(model.folder.parent.parent).dataset("limited")
    entry = {
        "format": report.FORMAT,
        "dataset": "limited",
        "ground_truth": ground_truth or files.sha256(dataset.annotations("val")),
        "only": list(only),
        "made_of": origin.made_of([model.training / f"{graph}.index"], model),
        "summary": {"AP": 0.4321},
    }
    model.evaluation.mkdir(exist_ok=True)
    model.report.write_text(json.dumps({graph: entry}))


def put_export(model: layout.Model, source: str, categories: str = "traffic light\nstop sign\nbanana\n") -> None:
    model.inference_graph.mkdir(exist_ok=True)
    model.labels.write_text(categories)
    model.export_source.write_text(f"{source}\n")


def verbs(lines: list[str]) -> list[str]:
    return [line.split()[2] for line in lines if line.startswith("next: ")]


def test_it_tells_what_was_trained_evaluated_and_exported(home: layout.Home) -> None:
    model = home.model(NAME)
    checkpoint.write(checkpoint.at_step(model.training, 70), checkpoint.read(checkpoint.newest(model.training)))
    put_report(model, "model.ckpt-70")
    put_export(model, "model.ckpt-0")
    lines = said(home, MODEL=NAME)
    assert "model.ckpt-70 (70 steps of training" in field(lines, "checkpoint")
    assert field(lines, "evaluated") == "model.ckpt-70 AP 43.2"
    assert field(lines, "exported").endswith("the newest checkpoint is model.ckpt-70")
    assert verbs(lines) == ["train", "export"]
    put_export(model, "model.ckpt-70")
    lines = said(home, MODEL=NAME)
    assert field(lines, "exported") == "from model.ckpt-70 (threshold as in the pipeline)"
    assert verbs(lines) == ["train"]


def test_what_was_evaluated_and_exported_of_another_cut_does_not_count(home: layout.Home) -> None:
    model = home.model(NAME)
    put_report(model, "model.ckpt-0")
    put_export(model, "model.ckpt-0")
    assert list(up_to_date.evaluated(model)) == ["model.ckpt-0"]
    assert up_to_date.is_exported(model)

    put_report(model, "model.ckpt-0", ground_truth="that of clocks")
    put_export(model, "model.ckpt-0", "clock\n")
    lines = said(home, MODEL=NAME)
    assert field(lines, "evaluated") == "not yet"
    assert field(lines, "exported").endswith(", for other categories than the model's")
    assert verbs(lines) == ["eval", "train", "export"]

    put_report(model, "model.ckpt-0")
    put_export(model, "model.ckpt-0")
    later = model.export_source.stat().st_mtime + 10
    index = model.training / "model.ckpt-0.index"
    os.utime(index, (later, later))
    assert not up_to_date.is_exported(model)
    assert report.average_precision(model, "model.ckpt-0") == 0.4321, "the same file of another date"
    index.write_bytes(index.read_bytes() + b"\0")
    assert up_to_date.evaluated(model) == {}
    assert report.average_precision(model, "model.ckpt-0") is None


def test_what_was_evaluated_on_some_categories_only_does_not_count(home: layout.Home) -> None:
    model = home.model(NAME)
    put_report(model, "model.ckpt-0", only=["banana"])
    assert up_to_date.evaluated(model) == {}
    model.report.write_text('{"model.ckpt-0": {"dataset": "limited", "summary": {"AP": 0.5}}}')  # of an earlier Todus
    assert up_to_date.evaluated(model) == {}


def test_it_advises_no_command_that_would_refuse(home: layout.Home, mirror_url: str) -> None:
    model = home.model(NAME)
    checkpoint.write(checkpoint.at_step(model.training, 70), checkpoint.read(checkpoint.newest(model.training)))
    assert run_verb("dataset-limited", home, CATEGORIES="clock", COCO_URL=f"{mirror_url}/coco").returncode == 0
    (only,) = [line for line in said(home, MODEL=NAME) if line.startswith("next: ")]
    assert only.startswith('next: make dataset-limited CATEGORIES="traffic light, stop sign, banana"')


def test_one_bad_model_does_not_hide_the_others(home: layout.Home) -> None:
    bad = home.model("a_bad_one")
    bad.pretrained.mkdir(parents=True)
    bad.zoo_pipeline.write_text("x {" * 5000 + "}" * 5000)
    (home.model("foreign").pretrained / "mine").mkdir(parents=True)
    lines = said(home)
    assert lines[0].startswith("a_bad_one: ") and "is not a pipeline" in lines[0]
    assert lines[1].startswith("foreign: ") and "holds files but no pipeline.config" in lines[1]
    assert lines[2].startswith(f"{NAME}: ") and "model.ckpt-0" in lines[2]


def test_a_label_map_that_is_gone_is_made_again_by_make_model(home: layout.Home) -> None:
    home.model(NAME).label_map.unlink()
    lines = said(home, MODEL=NAME)
    assert field(lines, "pretrained").endswith("not prepared for a dataset yet")
    assert lines[-1] == f"next: make model MODEL={NAME} TODUS_HOME={home.folder}"


def test_what_the_api_no_longer_knows_is_not_told_again(home: layout.Home) -> None:
    path = home.model(NAME).zoo_pipeline
    old = path.read_text().replace("feature_extractor {", "feature_extractor {\n batch_norm_trainable: true", 1)
    path.write_text(old)
    assert not any("batch_norm_trainable" in line for line in said(home, MODEL=NAME))


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
