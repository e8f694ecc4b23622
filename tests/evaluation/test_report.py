"""The report keeps the latest evaluation of every graph, as data and as a text to read."""

from __future__ import annotations

import json

from todus.evaluation import report
from todus.evaluation.scoring import SUMMARY, Scores

FACTS = {"dataset": "limited", "images": 41, "score_threshold": 1e-8}


def scores(ap: float | None) -> Scores:
    categories = {"traffic light": {"AP": ap, "AP50": 0.5, "boxes": 12}, "car": {"AP": None, "AP50": None, "boxes": 0}}
    return Scores(dict.fromkeys(SUMMARY, ap), categories, "as pycocotools prints it")


def test_several_graphs_are_kept_and_a_new_evaluation_takes_the_old_one_s_place(tmp_path):
    report.add(tmp_path, "pretrained", FACTS, scores(0.1))
    report.add(tmp_path, "model.ckpt-0", FACTS, scores(0.2))
    whole = report.add(tmp_path, "pretrained", {**FACTS, "images": 40}, scores(0.3))
    assert list(whole) == ["pretrained", "model.ckpt-0"]
    assert whole["pretrained"] == {
        **FACTS,
        "images": 40,
        "summary": scores(0.3).summary,
        "categories": scores(0.3).categories,
    }
    assert whole["model.ckpt-0"]["summary"]["AP"] == 0.2
    assert json.loads((tmp_path / "report.json").read_text()) == whole
    assert (tmp_path / "report.md").read_text() == report.markdown(whole)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.json", "report.md"]


def test_the_text_is_a_markdown_table_in_line(tmp_path):
    report.add(tmp_path, "pretrained", FACTS, scores(0.12345))
    report.add(tmp_path, "exported", {**FACTS, "score_threshold": None}, scores(None))
    assert (tmp_path / "report.md").read_text().splitlines() == [
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
