"""What make eval says beside its figures."""

from __future__ import annotations

import pytest

from todus.evaluation import evaluate
from todus.evaluation.scoring import Scores

SCORES = Scores({}, {"bear": {"AP": 0.5, "AP50": 0.6, "AR_100": 0.7, "boxes": 3}}, "the 12 lines")


@pytest.mark.parametrize(
    ("threshold", "note"),
    [
        (None, "note: which scores this graph drops cannot be told; its AP may read lower than its checkpoint's"),
        (0.3, "note: this graph drops scores under 0.3, so its AP reads lower than its checkpoint's"),
        (1e-8, None),
        (0.0, None),
    ],
)
def test_a_score_threshold_that_lowers_the_figures_is_told(threshold, note, capsys):
    evaluate.show(SCORES, threshold)
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "the 12 lines"
    assert "| bear     | 50.0 | 60.0 |   70.0 |     3 |" in said
    assert [line for line in said if line.startswith("note: ")] == ([note] if note else [])


def entry(graph: str, average: float) -> dict:
    categories = {"bear": {"AP": average, "boxes": 3}}
    return {"graph": graph, "summary": {"AP": average}, "score_threshold": 0.3, "categories": categories}


def test_one_evaluation_alone_is_beside_nothing(capsys):
    evaluate.show_side_by_side({"exported": entry("exported", 0.5)})
    assert capsys.readouterr().out == ""
    evaluate.show_side_by_side({"pretrained": entry("pretrained", 0.6), "exported": entry("exported", 0.5)})
    assert "| AP of | boxes | pretrained | exported |" in capsys.readouterr().out
