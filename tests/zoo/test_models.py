"""The list of the zoo's models: for people, for programs, and with what is here already."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from todus.layout import Home
from todus.zoo import catalogue, models

V1 = "ssd_mobilenet_v1_coco_2018_01_28"
FPN = "ssd_resnet50_v1_fpn_shared_box_predictor_640x640_coco14_sync_2018_07_03"


@pytest.fixture
def home(tmp_path) -> Home:
    return Home(tmp_path)


def fetch(home: Home, name: str) -> None:
    home.model_archives.mkdir(parents=True, exist_ok=True)
    (home.model_archives / f"{name}.tar.gz").touch()


def prepare(home: Home, name: str) -> None:
    model = home.model(name)
    for path in (
        model.pipeline,
        model.label_map,
        *(model.training / f"model.ckpt-0.{part}" for part in ("index", "data-00000-of-00001")),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


@pytest.fixture
def run(home, monkeypatch, capsys):
    """`run("--json")` gives what the command prints."""

    def run(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["models", "--home", str(home.folder), *arguments])
        models.main()
        return capsys.readouterr().out

    return run


def row(text: str, name: str) -> str:
    (found,) = [line for line in text.splitlines() if name in line.split()]
    return found


def test_every_model_of_the_zoo_has_a_line_and_no_line_is_too_long(run, home):
    prepare(home, "a_model_of_my_own")
    text = run()
    for name in catalogue.load():
        row(text, name)
    *lines, next_line = text.splitlines()
    assert max(map(len, lines)) <= 120
    assert next_line.startswith("next: ")


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        (V1, "300x300 21 30 x x x x x"),
        (FPN, "640x640 35 76 x x x x -"),
        ("ssdlite_mobiledet_dsp_320x320_coco_2020_05_19", "320x320 28.9 12.3³ x x x x -"),
        ("faster_rcnn_resnet50_lowproposals_coco_2018_01_28", "600-1024 - 64 x x - - -"),
        ("faster_rcnn_nas_coco_2018_01_28", "1200x1200 43 1833 x x - - -"),
    ],
)
def test_a_line_says_input_accuracy_time_and_uses(name, cells, run):
    text = run()
    assert row(text, name).split() == [name, *cells.split()]
    assert "³ on a Pixel 4 DSP" in text


def test_columns_stand_under_their_headings(run):
    text = run()
    heading = text.splitlines()[0]
    for name in catalogue.load():
        line = row(text, name)
        assert len(line) == len(heading)
        for use in ("cut", "train", "lite", "onnx", "uff"):
            assert line[heading.index(use) + len(use) - 1] in "x-", (name, use)


def test_models_stand_under_their_family(run):
    lines = run().splitlines()
    of_fpn = lines.index(row("\n".join(lines), FPN))
    assert "pyramid" in next(line for line in reversed(lines[:of_fpn]) if line[0] not in " *+")


def test_it_claims_no_verb_that_is_not_there(run):
    makefile = (Path(__file__).resolve().parents[2] / "Makefile").read_text(encoding="utf-8")
    text = run()
    converters = {"lite": "convert-tflite", "ONNX": "convert-onnx", "UFF": "convert-uff"}
    missing = [name for name, verb in converters.items() if f"\n{verb}:" not in makefile]
    assert all(f"\n{verb}:" in makefile for verb in re.findall(r"make ([a-z-]+)", text))
    assert all(name in text.split("there is no verb yet")[0].split(";")[-1] for name in missing)
    assert ("there is no verb yet" in text) == bool(missing)


def test_what_is_fetched_and_what_is_prepared_is_marked(run, home):
    fetch(home, V1)
    fetch(home, FPN)
    prepare(home, FPN)
    text = run()
    assert row(text, V1).startswith("+ ")
    assert row(text, FPN).startswith("* ")
    assert sum(line.startswith(("+ ", "* ")) for line in text.splitlines()) == 3, "with the line that explains them"


@pytest.mark.parametrize("missing", ["model.ckpt-0.index", "label_map.pbtxt"])
def test_a_model_without_a_checkpoint_to_start_from_or_its_label_map_is_not_prepared(missing, run, home):
    prepare(home, V1)
    (home.model(V1).training / missing).unlink()
    assert row(run(), V1).startswith("  ")


def test_models_that_are_not_the_zoo_s_are_listed_if_they_are_here(run, home):
    assert "not of the zoo" not in run()
    fetch(home, "my_own")
    prepare(home, "another")
    text = run()
    assert text.index("here, but not of the zoo") < text.index("another") < text.index("my_own")
    assert row(text, "another").split() == ["*", "another", *"--------"]


def test_the_next_command_goes_on_with_what_is_here(run, home):
    there = f"TODUS_HOME={home.folder}"
    assert run().endswith(f"next: make model MODEL=ssd_mobilenet_v2_coco_2018_03_29 {there}\n")
    fetch(home, FPN)
    assert run().endswith(f"next: make model MODEL={FPN} {there}\n")
    prepare(home, V1)
    assert run().endswith(f"next: make eval MODEL={V1} {there}\n")


def test_json_has_the_facts_of_the_catalogue_and_what_is_here(run, home):
    fetch(home, V1)
    prepare(home, "my_own")
    listed = {model["name"]: model for model in json.loads(run("--json"))["models"]}
    assert list(listed) == [*catalogue.load(), "my_own"]
    assert listed[V1] == {
        "name": V1,
        "family": "ssd",
        "input": "300x300",
        "coco_map": 21,
        "ms": 30,
        "device": "Titan X",
        "quantized": False,
        "meant_for": ["cut", "train", "tflite", "onnx", "uff"],
        "fetched": True,
        "prepared": False,
    }
    assert listed["faster_rcnn_nas_lowproposals_coco_2018_01_28"]["coco_map"] is None
    here = listed["my_own"]
    assert (here.pop("name"), here.pop("fetched"), here.pop("prepared")) == ("my_own", False, True)
    assert set(here.values()) == {None}
