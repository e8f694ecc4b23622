"""make eval of several graphs, of some categories, and once more: the report and what is used again for it."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from support import NAME, failed_in_one_line, run_verb
from todus import layout, up_to_date
from todus.evaluation import report

REUSED = "nothing that they depend on has changed"


@pytest.fixture(scope="module")
def evaluated(prepared: layout.Home, tmp_path_factory: pytest.TempPathFactory) -> tuple[layout.Home, str]:
    """A tree whose model was evaluated as pretrained and as cut, and what that said."""
    home = layout.Home(tmp_path_factory.mktemp("evaluated") / "tree")
    shutil.copytree(prepared.folder, home.folder)
    result = run_verb("eval", home, GRAPH="pretrained training")
    assert result.returncode == 0, result.stderr
    return home, result.stdout


@pytest.fixture
def tree(evaluated: tuple[layout.Home, str], tmp_path: Path) -> layout.Home:
    """A copy of that tree, to do with as one likes."""
    shutil.copytree(evaluated[0].folder, tmp_path / "moved")
    return layout.Home(tmp_path / "moved")


def said(home: layout.Home, **variables: str) -> str:
    result = run_verb("eval", home, **variables)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_several_graphs_are_shown_side_by_side(evaluated) -> None:
    home, text = evaluated
    assert re.search(r"^\| figure +\| pretrained \| model\.ckpt-0 \|$", text, re.MULTILINE)
    whole = report.read(home.model(NAME))
    assert list(whole) == ["pretrained", "model.ckpt-0"]
    row = re.search(r"^\| AP50 +\| +([\d.]+) \| +([\d.]+) \|$", text, re.MULTILINE)
    assert row.groups() == tuple(report.percent(entry["summary"]["AP50"]) for entry in whole.values())
    assert REUSED not in text
    assert "evaluating pretrained (model.ckpt) on" in text
    assert text.splitlines()[-1].startswith("next: make export")


def test_status_and_training_can_rely_on_it(evaluated) -> None:
    model = evaluated[0].model(NAME)
    assert list(up_to_date.evaluated(model)) == ["pretrained", "model.ckpt-0"]
    average = report.average_precision(model, "pretrained")
    assert average == report.read(model)["pretrained"]["summary"]["AP"] > 0
    assert report.average_precision(model, "exported") is None


def test_the_same_is_not_detected_again(tree: layout.Home) -> None:
    """Nor where the tree was moved, as here."""
    model = tree.model(NAME)
    before = report.read(model)
    text = said(tree, GRAPH="training")
    assert REUSED in text
    after = report.read(model)
    assert list(after) == ["pretrained", "model.ckpt-0"]
    for key in ("summary", "categories", "score_threshold", "made_of", "confusion", "worst"):
        assert after["model.ckpt-0"][key] == before["model.ckpt-0"][key]


def test_one_graph_is_shown_beside_those_evaluated_before(tree: layout.Home) -> None:
    """The zoo's SavedModel has no labels.txt beside it: its 90 classes tell that they are COCO's."""
    model = tree.model(NAME)
    text = said(tree, GRAPH=str(model.pretrained / "saved_model"))
    assert REUSED not in text
    assert re.search(r"^\| figure +\| pretrained \| model\.ckpt-0 \| pretrained/saved_model \|$", text, re.MULTILINE)
    whole = report.read(model)
    average = whole["pretrained/saved_model"]["summary"]["AP"]
    assert average == pytest.approx(whole["pretrained"]["summary"]["AP"], abs=1e-4)
    assert average > 0


def test_a_graph_that_knows_no_category_of_the_dataset_is_refused(tree: layout.Home) -> None:
    model = tree.model(NAME)
    (model.pretrained / "labels.txt").write_text("cat\ndog\n")
    result = run_verb("eval", tree, GRAPH=str(model.pretrained / "saved_model"))
    assert failed_in_one_line(result, "pretrained/saved_model detects cat, dog,", "traffic light", "correct the labels")
    assert list(report.read(model)) == ["pretrained", "model.ckpt-0"]


def test_an_image_that_was_written_anew_needs_new_detections(tree: layout.Home) -> None:
    image = next(tree.raw_data.images("val").glob("*.jpg"))
    shutil.copyfile(image, image.with_suffix(".new"))
    image.with_suffix(".new").replace(image)
    assert REUSED not in said(tree)


def test_damaged_detections_are_made_anew(tree: layout.Home) -> None:
    path = tree.model(NAME).detections("model.ckpt-0")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert REUSED not in said(tree)
    found, wanted = json.loads(path.read_bytes()), json.loads(whole)
    assert len(found) == len(wanted) > 0


def test_another_pipeline_needs_other_detections(tree: layout.Home) -> None:
    model = tree.model(NAME)
    text = model.pipeline.read_text()
    assert "max_detections_per_class: 100" in text
    model.pipeline.write_text(text.replace("max_detections_per_class: 100", "max_detections_per_class: 1"))
    assert "model.ckpt-0" not in up_to_date.evaluated(model)
    assert REUSED not in said(tree)
    assert "model.ckpt-0" in up_to_date.evaluated(model)


def test_some_categories_are_scored_beside_the_whole(tree: layout.Home) -> None:
    model = tree.model(NAME)
    before = report.read(model)
    text = said(tree, CATEGORIES="stop_sign banana")
    assert REUSED in text
    after = report.read(model)
    assert list(after) == ["pretrained", "model.ckpt-0", "model.ckpt-0 [stop sign, banana]"]
    assert after["model.ckpt-0"] == before["model.ckpt-0"]
    some = after["model.ckpt-0 [stop sign, banana]"]
    for name in ("stop sign", "banana"):
        assert some["categories"][name] == after["model.ckpt-0"]["categories"][name]
    assert list(some["categories"]) == ["stop sign", "banana"]
    mean = sum(own["AP"] for own in some["categories"].values()) / 2
    assert some["summary"]["AP"] == pytest.approx(mean)
    assert list(up_to_date.evaluated(model)) == ["pretrained", "model.ckpt-0"]


def test_all_categories_of_the_dataset_are_no_choice(tree: layout.Home) -> None:
    said(tree, CATEGORIES="traffic light, stop sign, banana")
    assert list(report.read(tree.model(NAME))) == ["pretrained", "model.ckpt-0"]


def test_categories_that_the_dataset_does_not_have_are_refused_with_those_it_has(tree: layout.Home) -> None:
    result = run_verb("eval", tree, CATEGORIES="banana, zebra")
    assert failed_in_one_line(result, "'zebra'", "dataset limited", "known are traffic light, stop sign, banana")


def test_the_pictures_are_there_and_in_the_page(evaluated) -> None:
    model = evaluated[0].model(NAME)
    page = model.report_page.read_text(encoding="utf-8")
    for name, entry in report.read(model).items():
        assert model.curves(name).is_file()
        drawn = sorted(path.name for path in model.worst_images(name).iterdir())
        assert drawn == [one["picture"] for one in entry["worst"]]
        assert 0 < len(drawn) <= 16
    assert page.count("<img ") == sum(1 + len(entry["worst"]) for entry in report.read(model).values())
