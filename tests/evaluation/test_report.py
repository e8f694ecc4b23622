"""The report keeps the latest evaluation of every graph, as data and as a text to read."""

from __future__ import annotations

import json

import pytest

from todus.evaluation import report
from todus.evaluation.scoring import SUMMARY, Scores
from todus.layout import Model

FACTS = {"dataset": "limited", "images": 41, "score_threshold": 1e-8}


def scores(ap: float | None) -> Scores:
    categories = {"traffic light": {"AP": ap, "AP50": 0.5, "boxes": 12}, "car": {"AP": None, "AP50": None, "boxes": 0}}
    return Scores(dict.fromkeys(SUMMARY, ap), categories, "as pycocotools prints it")


def test_several_graphs_are_kept_and_a_new_evaluation_takes_the_old_one_s_place(tmp_path):
    model = Model(tmp_path)
    report.add(model, "pretrained", FACTS, scores(0.1))
    report.add(model, "model.ckpt-0", FACTS, scores(0.2))
    whole = report.add(model, "pretrained", {**FACTS, "score_threshold": 0.3}, scores(0.3))
    assert set(whole) == {"pretrained", "model.ckpt-0"}
    assert whole["pretrained"] == {
        **FACTS,
        "score_threshold": 0.3,
        "summary": scores(0.3).summary,
        "categories": scores(0.3).categories,
    }
    assert whole["model.ckpt-0"]["summary"]["AP"] == 0.2
    assert json.loads(model.report.read_text()) == whole
    assert (model.evaluation / "report.md").read_text() == report.markdown(whole)
    assert sorted(path.name for path in model.evaluation.iterdir()) == ["report.json", "report.md"]


@pytest.mark.parametrize("other", ["dataset", "images", "categories", "boxes"])
def test_evaluations_on_another_ground_truth_do_not_stay_beside_a_new_one(tmp_path, other):
    model = Model(tmp_path)
    report.add(model, "pretrained", FACTS, scores(0.1))
    facts, new = dict(FACTS), scores(0.2)
    if other == "categories":
        new.categories["bus"] = new.categories.pop("car")
    elif other == "boxes":
        new.categories["car"]["boxes"] = 1
    else:
        facts[other] = "complete" if other == "dataset" else 7
    assert list(report.add(model, "exported", facts, new)) == ["exported"]


def test_the_text_is_a_markdown_table_in_line(tmp_path):
    model = Model(tmp_path)
    report.add(model, "pretrained", FACTS, scores(0.12345))
    report.add(model, "exported", {**FACTS, "score_threshold": None}, scores(None))
    assert (model.evaluation / "report.md").read_text().splitlines() == [
        "# Average precision on the validation images",
        "",
        "| graph      |   AP | AP50 | images | score threshold | dataset |",
        "| ---------- | ---: | ---: | -----: | --------------: | ------: |",
        "| pretrained | 12.3 | 12.3 |     41 |           1e-08 | limited |",
        "| exported   |  n/a |  n/a |     41 |         unknown | limited |",
        "",
        "## pretrained",
        "",
        "| category      |   AP | AP50 | boxes |",
        "| ------------- | ---: | ---: | ----: |",
        "| traffic light | 12.3 | 50.0 |    12 |",
        "| car           |  n/a |  n/a |     0 |",
        "",
        "## exported",
        "",
        "| category      |  AP | AP50 | boxes |",
        "| ------------- | --: | ---: | ----: |",
        "| traffic light | n/a | 50.0 |    12 |",
        "| car           | n/a |  n/a |     0 |",
    ]
