"""Scores of made-up detections on real COCO annotations, with their crowds and empty images, beside pycocotools'.

Runs where TODUS_SHARED names a folder with coco-sample/.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
from pathlib import Path

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from todus.evaluation import scoring

SHARED = os.environ.get("TODUS_SHARED")
pytestmark = pytest.mark.skipif(not SHARED, reason="TODUS_SHARED is not set")


@pytest.fixture(scope="module")
def annotations() -> Path:
    return Path(SHARED) / "coco-sample" / "annotations" / "instances_val2017.json"


@pytest.fixture(scope="module")
def truth(annotations: Path) -> dict:
    return json.loads(annotations.read_text())


@pytest.mark.parametrize("every", [1, 2, 5])
def test_all_figures_are_those_of_pycocotools(truth, annotations, every):
    found = near_the_truth(truth, np.random.default_rng(every))
    images = [image["id"] for image in truth["images"]][::every]
    assert any(a["iscrowd"] for a in truth["annotations"] if a["image_id"] in images)
    scores = scoring.score(truth, found, images)
    evaluation = by_pycocotools(annotations, found, images)
    ours = [-1 if value is None else value for value in scores.summary.values()]
    np.testing.assert_allclose(ours, evaluation.stats, rtol=0, atol=1e-12)
    assert min(ours) > 0.02
    precision = evaluation.eval["precision"]
    names = {category["id"]: category["name"] for category in truth["categories"]}
    for k, number in enumerate(evaluation.params.catIds):
        defined = precision[:, :, k, 0, 2][precision[:, :, k, 0, 2] > -1]
        wanted = pytest.approx(defined.mean(), abs=1e-12) if defined.size else None
        assert scores.categories[names[number]]["AP"] == wanted
    without_boxes = [own for own in scores.categories.values() if own["AP"] is None]
    assert bool(without_boxes) == (every > 1)


def near_the_truth(truth: dict, random: np.random.Generator) -> list[dict]:
    """None, one or several detections near every box, some of another category; up to 120 out of the blue an image."""
    categories = [category["id"] for category in truth["categories"]]
    near = [
        {
            "image_id": a["image_id"],
            "category_id": a["category_id"] if random.random() < 0.8 else int(random.choice(categories)),
            "bbox": [float(value * (1 + random.normal() * 0.06)) for value in a["bbox"]],
            "score": float(random.random()),
        }
        for a in truth["annotations"]
        for _ in range(random.integers(0, 4))
    ]
    blue = [
        {
            "image_id": image["id"],
            "category_id": int(random.choice(categories)),
            "bbox": random.uniform(0, 200, 4).tolist(),
            "score": float(np.round(random.random() / 2, 2)),  # many are equal
        }
        for image in truth["images"]
        for _ in range(random.integers(0, 121))
    ]
    return near + blue


def by_pycocotools(annotations: Path, found: list[dict], images: list[int]) -> COCOeval:
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(annotations)
        evaluation = COCOeval(coco, coco.loadRes([dict(one) for one in found]), "bbox")
        evaluation.params.imgIds = images
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation
