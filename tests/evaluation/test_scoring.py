"""COCO's figures are those of pycocotools, asked directly and apart for every category."""

from __future__ import annotations

import contextlib
import copy
import io
import json

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from todus.evaluation import scoring

CATEGORIES = [{"id": 2, "name": "car"}, {"id": 5, "name": "traffic light"}, {"id": 9, "name": "never seen"}]
NAMES = {category["id"]: category["name"] for category in CATEGORIES}


def ground_truth(random: np.random.Generator) -> dict:
    """20 images with boxes small, medium and large, some of them crowds; image 20 has none."""
    annotations = []
    for image in range(1, 20):
        for _ in range(random.integers(1, 6)):
            x, y, width, height = (random.uniform(low, high) for low, high in ((0, 300), (0, 200), (8, 200), (8, 200)))
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image,
                    "category_id": int(random.choice([2, 5])),
                    "bbox": [x, y, width, height],
                    "area": width * height,
                    "iscrowd": int(random.random() < 0.15),
                }
            )
    images = [{"id": number, "width": 640, "height": 480} for number in range(1, 21)]
    return {"images": images, "categories": CATEGORIES, "annotations": annotations}


def detections(truth: dict, random: np.random.Generator) -> list[dict]:
    """Near every box one that is more or less off, sometimes of the wrong category; and boxes out of the blue."""
    results = []
    for annotation in truth["annotations"]:
        wrong = random.random() < 0.2
        results.append(
            {
                "image_id": annotation["image_id"],
                "category_id": 7 - annotation["category_id"] if wrong else annotation["category_id"],
                "bbox": [value + random.normal() * 6 for value in annotation["bbox"]],
                "score": float(random.random()),
            }
        )
    for _ in range(60):
        box = [float(value) for value in random.uniform(5, 200, 4)]
        image, category = int(random.integers(1, 21)), int(random.choice([2, 5]))
        results.append({"image_id": image, "category_id": category, "bbox": box, "score": float(random.random() / 2)})
    return results


@pytest.fixture
def truth() -> dict:
    return ground_truth(np.random.default_rng(3))


@pytest.fixture
def results(truth) -> list[dict]:
    return detections(truth, np.random.default_rng(4))


def asked_directly(truth: dict, results: list[dict], tmp_path, category: int | None = None, images=None) -> np.ndarray:
    """The 12 figures as a script on pycocotools gets them: files in, summarize(), stats out."""
    for name, value in (("truth", truth), ("results", results)):
        (tmp_path / f"{name}.json").write_text(json.dumps(value))
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(tmp_path / "truth.json")
        evaluation = COCOeval(coco, coco.loadRes(str(tmp_path / "results.json")), "bbox")
        if category is not None:
            evaluation.params.catIds = [category]
        if images is not None:
            evaluation.params.imgIds = images
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation.stats


def test_the_summary_is_that_of_pycocotools_to_the_last_digit(truth, results, tmp_path):
    scores = scoring.score(truth, results, range(1, 21))
    wanted = asked_directly(truth, results, tmp_path)
    assert list(scores.summary) == list(scoring.SUMMARY)
    assert list(scores.summary.values()) == wanted.tolist()
    assert 0.05 < scores.summary["AP"] < 0.95, "figures at an end of the scale would not tell much"
    assert len(set(wanted)) > 8
    assert scores.text.count("\n") == 11
    assert f"area=   all | maxDets=100 ] = {scores.summary['AP']:.3f}" in scores.text


def test_a_category_s_figures_are_those_of_pycocotools_asked_for_it_alone(truth, results, tmp_path):
    categories = scoring.score(truth, results, range(1, 21)).categories
    assert list(categories) == ["car", "traffic light", "never seen"]
    for number in (2, 5):
        alone = asked_directly(truth, results, tmp_path, category=number)
        assert categories[NAMES[number]]["AP"] == pytest.approx(alone[0], abs=1e-12)
        assert categories[NAMES[number]]["AP50"] == pytest.approx(alone[1], abs=1e-12)
    assert categories["car"]["AP"] != categories["traffic light"]["AP"]


def test_only_the_images_asked_for_count(truth, results, tmp_path):
    some = [3, 4, 5, 11]
    scores = scoring.score(truth, results, some)
    wanted = asked_directly(truth, results, tmp_path, images=some)
    assert list(scores.summary.values()) == [None if value == -1 else value for value in wanted]
    counted = [a for a in truth["annotations"] if a["image_id"] in some and not a["iscrowd"]]
    assert sum(entry["boxes"] for entry in scores.categories.values()) == len(counted)


def test_a_category_without_boxes_has_no_figure(truth, results):
    results.append({"image_id": 1, "category_id": 9, "bbox": [1, 1, 50, 50], "score": 0.9})
    scores = scoring.score(truth, results, range(1, 21))
    assert scores.categories["never seen"] == {"AP": None, "AP50": None, "boxes": 0}
    del results[-1]
    assert scoring.score(truth, results, range(1, 21)).summary == scores.summary


def test_a_size_without_boxes_has_no_figure(truth, results):
    truth["annotations"] = [a for a in truth["annotations"] if a["area"] > 32**2]
    scores = scoring.score(truth, results, range(1, 21))
    assert scores.summary["AP_small"] is None
    assert scores.summary["AR_small"] is None
    assert scores.summary["AP_medium"] is not None


def test_a_detector_that_finds_nothing_scores_0(truth):
    scores = scoring.score(truth, [], range(1, 21))
    assert set(scores.summary.values()) == {0.0}
    assert scores.categories["car"]["AP"] == 0.0
    assert scores.categories["car"]["boxes"] > 0
    assert scores.categories["never seen"]["AP"] is None


def test_a_perfect_detector_scores_1_and_crowds_cost_it_nothing(truth):
    perfect = [
        {**{key: a[key] for key in ("image_id", "category_id", "bbox")}, "score": 0.9}
        for a in truth["annotations"]
        if not a["iscrowd"]
    ]
    assert 0 < len(perfect) < len(truth["annotations"])
    in_crowds = [
        {"image_id": a["image_id"], "category_id": a["category_id"], "bbox": a["bbox"], "score": 0.99}
        for a in truth["annotations"]
        if a["iscrowd"]
    ]
    scores = scoring.score(truth, perfect + in_crowds, range(1, 21))
    assert scores.summary["AP"] == pytest.approx(1)
    assert sum(entry["boxes"] for entry in scores.categories.values()) == len(perfect)


def test_what_is_given_is_left_as_it_was(truth, results):
    before = copy.deepcopy((truth, results))
    scoring.score(truth, results, range(1, 21))
    assert (truth, results) == before


def test_boxes_become_pixels_and_names_the_dataset_s_ids():
    from todus.evaluation.detectors import Detections

    boxes = np.array([[0.25, 0.125, 0.75, 0.625], [0, 0, 1, 1], [0.5, 0.5, 0.5, 1]], np.float32)
    found = Detections(boxes, np.array([0.75, 0.5, 0.25], np.float32), ["traffic light", "unicorn", "car"])
    results = scoring.to_results(17, 640, 400, found, {"car": 1, "traffic light": 2})
    assert results == [
        {"image_id": 17, "category_id": 2, "bbox": [80.0, 100.0, 320.0, 200.0], "score": 0.75},
        {"image_id": 17, "category_id": 1, "bbox": [320.0, 200.0, 320.0, 0.0], "score": 0.25},
    ]
    json.dumps(results)


def test_results_of_other_categories_do_not_count():
    """A detector of 90 classes on a dataset of one: what it finds besides is neither right nor wrong."""
    from todus.evaluation.detectors import Detections

    truth = {
        "images": [{"id": 1, "width": 100, "height": 100}],
        "categories": [{"id": 1, "name": "car"}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "bbox": [10, 10, 40, 40], "area": 1600, "iscrowd": 0}
        ],
    }
    boxes = np.array([[0.5, 0.5, 1, 1], [0.1, 0.1, 0.5, 0.5]], np.float32)
    found = Detections(boxes, np.array([0.9, 0.8], np.float32), ["person", "car"])
    results = scoring.to_results(1, 100, 100, found, {"car": 1})
    assert scoring.score(truth, results, [1]).summary["AP"] == pytest.approx(1)
    as_cars = scoring.to_results(1, 100, 100, Detections(boxes, found.scores, ["car", "car"]), {"car": 1})
    assert scoring.score(truth, as_cars, [1]).summary["AP"] < 0.6
