"""make bench-eval, with few images and the little zoo model: both sides do real work, and are held to be equal."""

from __future__ import annotations

import json
import tarfile

import pytest

from support import NAME
from todus.bench import dataset, evaluation
from todus.bench.evaluation import Run
from todus.errors import UserError, WorldError

IMAGES = 10


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    return tmp_path_factory.mktemp("bench-eval")


@pytest.fixture(scope="module")
def graph(zoo, mirror_folder, work):
    with tarfile.open(mirror_folder / "zoo" / f"{NAME}.tar.gz") as tar:
        tar.extractall(work, filter="data")
    return work / NAME / "frozen_inference_graph.pb"


def test_both_sides_detect_and_score_the_same(graph, work):
    annotations, folder = evaluation.chosen(dataset.drawn_sample(work, IMAGES, "val"), IMAGES, work / "images.json")
    evaluation.run("original", graph, annotations, folder, work / "first.json")
    found = json.loads((work / "first.json").read_text())
    truth = evaluation.made_of(annotations, found, work / "truth.json")
    ours = evaluation.run("todus", graph, truth, folder, work / "todus.json")
    theirs = evaluation.run("original", graph, truth, folder, work / "original.json")
    results = json.loads((work / "todus.json").read_text())
    evaluation.require_equal(found, results)
    assert {result["image_id"] for result in results} == {
        image["id"] for image in json.loads(annotations.read_text())["images"]
    }
    table = evaluation.table(IMAGES, [theirs], [ours])
    assert "the same |" in table
    assert ours.average_precision > 0.1, "a ground truth that nothing finds proves nothing"
    worse = [{**results[0], "score": results[0]["score"] + 0.01}, *results[1:]]
    first = f"of image {found[0]['image_id']} and category {found[0]['category_id']}, Todus has none like number 1"
    with pytest.raises(WorldError, match=first):
        evaluation.require_equal(found, worse)
    evaluation.require_equal(found, [results[1], results[0], *results[2:]])
    with pytest.raises(WorldError, match="the detections differ: "):
        evaluation.require_equal(found, results[1:])


def test_another_ap_is_refused():
    with pytest.raises(WorldError, match="the AP differs"):
        evaluation.table(IMAGES, [Run(3, 2, 1, 0.5)], [Run(3, 2, 1, 0.50001)])


def test_the_fastest_run_of_each_side_counts():
    table = evaluation.table(IMAGES, [Run(9, 8, 7, 0.5), Run(8, 10, 9, 0.5)], [Run(4, 5, 3.5, 0.5)])
    assert "| detecting                    |                1.2 |       2.0 |   1.60 x |" in table
    assert "2.00 x" in table


def test_a_folder_that_is_no_sample_is_named(tmp_path):
    with pytest.raises(UserError, match=r"holds no annotations/instances_val2017\.json"):
        evaluation.chosen(tmp_path, IMAGES, tmp_path / "images.json")
