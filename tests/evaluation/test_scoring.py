"""COCO's figures are those of pycocotools, asked directly and apart for every category."""

from __future__ import annotations

import contextlib
import copy
import io
import json
from collections.abc import Iterable

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from todus.errors import UserError
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


# The last digit of a double depends on the order of additions.
LAST_DIGIT = 1e-12


def asked_directly(truth: dict, results: list[dict], tmp_path, category: int | None = None, images=None) -> np.ndarray:
    """The 12 figures as a script on pycocotools gets them: files in, summarize(), stats out."""
    return evaluated_directly(truth, results, tmp_path, category, images)[0].stats


def evaluated_directly(
    truth: dict, results: list[dict], tmp_path, category: int | None = None, images=None
) -> tuple[COCOeval, str]:
    """pycocotools' own evaluation, and the summary that it printed."""
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
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        evaluation.summarize()
    return evaluation, printed.getvalue().rstrip()


def same(figures: Iterable[float | None], wanted: np.ndarray) -> bool:
    """Whether the 12 figures are those of pycocotools, None where it says -1."""
    expected = [None if value == -1 else pytest.approx(value, abs=LAST_DIGIT) for value in wanted]
    return list(figures) == expected


def test_the_summary_is_that_of_pycocotools(truth, results, tmp_path):
    scores = scoring.score(truth, results, range(1, 21))
    evaluation, printed = evaluated_directly(truth, results, tmp_path)
    wanted = evaluation.stats
    assert list(scores.summary) == list(scoring.SUMMARY)
    assert same(scores.summary.values(), wanted)
    assert scores.text == printed
    assert 0.05 < scores.summary["AP"] < 0.95, "figures at an end of the scale would not tell much"
    assert len(set(wanted)) > 8


def test_the_control_of_the_comparison_with_pycocotools(truth, results, tmp_path):
    wanted = asked_directly(truth, results, tmp_path)
    results[3] = {**results[3], "score": 1.0 - results[3]["score"]}
    assert not same(scoring.score(truth, results, range(1, 21)).summary.values(), wanted)


def test_scores_are_not_rounded(truth, results):
    rounded = [{**result, "score": round(result["score"], 2)} for result in results]
    figures = [scoring.score(truth, some, range(1, 21)).summary["AP"] for some in (results, rounded)]
    assert figures[0] != figures[1]


@pytest.mark.parametrize("seed", range(5))
def test_any_other_detections_score_as_with_pycocotools(seed, tmp_path):
    """With equal scores among them, so that the order of detections matters, and boxes without any extent."""
    random = np.random.default_rng(seed)
    truth = ground_truth(random)
    found = [{**result, "score": round(result["score"], 1)} for result in detections(truth, random)]
    found += [{**result, "bbox": [*result["bbox"][:2], 0.0, 0.0]} for result in found[::7]]
    assert same(scoring.score(truth, found, range(1, 21)).summary.values(), asked_directly(truth, found, tmp_path))


def test_the_curves_are_those_of_pycocotools(truth, results, tmp_path):
    curves = scoring.score(truth, results, range(1, 21)).curves
    evaluation, _ = evaluated_directly(truth, results, tmp_path)
    assert list(curves) == ["car", "traffic light"]  # the other one has no boxes
    for k, name in enumerate(curves):
        np.testing.assert_allclose(curves[name], evaluation.eval["precision"][0, :, k, 0, 2], atol=LAST_DIGIT)
        assert 0 < curves[name].mean() < 1
    np.testing.assert_array_equal(scoring.RECALLS, evaluation.params.recThrs)


def test_a_category_s_figures_are_those_of_pycocotools_asked_for_it_alone(truth, results, tmp_path):
    categories = scoring.score(truth, results, range(1, 21)).categories
    assert list(categories) == ["car", "traffic light", "never seen"]
    for number in (2, 5):
        alone = asked_directly(truth, results, tmp_path, category=number)
        assert categories[NAMES[number]]["AP"] == pytest.approx(alone[0], abs=1e-12)
        assert categories[NAMES[number]]["AP50"] == pytest.approx(alone[1], abs=1e-12)
        assert categories[NAMES[number]]["AR_100"] == pytest.approx(alone[8], abs=1e-12)
    assert categories["car"]["AP"] != categories["traffic light"]["AP"]


def test_only_the_images_asked_for_count(truth, results, tmp_path):
    some = [3, 4, 5, 11]
    scores = scoring.score(truth, results, some)
    wanted = asked_directly(truth, results, tmp_path, images=some)
    assert same(scores.summary.values(), wanted)
    counted = [a for a in truth["annotations"] if a["image_id"] in some and not a["iscrowd"]]
    assert sum(entry["boxes"] for entry in scores.categories.values()) == len(counted)


def test_a_category_without_boxes_has_no_figure(truth, results):
    results.append({"image_id": 1, "category_id": 9, "bbox": [1, 1, 50, 50], "score": 0.9})
    scores = scoring.score(truth, results, range(1, 21))
    assert scores.categories["never seen"] == {"AP": None, "AP50": None, "AR_100": None, "boxes": 0}
    del results[-1]
    assert scoring.score(truth, results, range(1, 21)).summary == scores.summary


def test_a_size_without_boxes_has_no_figure(truth, results):
    truth["annotations"] = [a for a in truth["annotations"] if a["area"] > 32**2]
    scores = scoring.score(truth, results, range(1, 21))
    assert scores.summary["AP_small"] is None
    assert scores.summary["AR_small"] is None
    assert scores.summary["AP_medium"] is not None
    assert scores.sizes["small"] == 0
    assert scores.text.count("= n/a (no such boxes)") == 2
    assert "-1" not in scores.text


def test_boxes_are_counted_by_size_without_crowds(truth, results):
    sizes = scoring.score(truth, results, range(1, 21)).sizes
    areas = [a["area"] for a in truth["annotations"] if not a["iscrowd"]]
    small, large = sum(area < 32**2 for area in areas), sum(area > 96**2 for area in areas)
    assert sizes == {"small": small, "medium": len(areas) - small - large, "large": large}
    assert min(sizes.values()) > 0


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


@pytest.mark.parametrize("unknown", [{"image_id": 999}, {"category_id": 77}, {"image_id": "a.jpg"}])
def test_detections_of_what_the_ground_truth_does_not_have_are_refused_by_name(truth, results, unknown):
    ((what, number),) = unknown.items()
    with pytest.raises(UserError, match=rf"detections of {what.removesuffix('_id')} {number}, which") as refused:
        scoring.score(truth, [*results, {**results[0], **unknown}], range(1, 21))
    assert "\n" not in str(refused.value)


def test_many_unknown_images_are_not_all_listed(truth, results):
    strange = [{**results[0], "image_id": 1000 + number} for number in range(30)]
    with pytest.raises(UserError, match=r"images 1000, 1001, 1002, 1003, 1004, \.\.\., which"):
        scoring.score(truth, strange, range(1, 21))


@pytest.mark.parametrize("first", [0, -5, 10**15])
def test_the_ids_of_annotations_do_not_matter(truth, results, first):
    """COCO's evaluation takes a box that has the id 0 for no box at all."""
    before = scoring.score(truth, results, range(1, 21))
    for number, annotation in enumerate(truth["annotations"], start=first):
        annotation["id"] = number
    assert scoring.score(truth, results, range(1, 21)).summary == before.summary


def test_ids_of_images_may_be_texts(truth, results):
    before = scoring.score(truth, results, range(1, 21))
    for entry in (*truth["annotations"], *results):
        entry["image_id"] = f"image {entry['image_id']:03}"
    for image in truth["images"]:
        image["id"] = f"image {image['id']:03}"
    after = scoring.score(truth, results, [image["id"] for image in truth["images"]])
    assert after.summary == before.summary


def test_images_without_any_box_have_no_figures_at_all(truth, results):
    scores = scoring.score(truth, results, [20])
    assert set(scores.summary.values()) == {None}
    assert scores.curves == {}
