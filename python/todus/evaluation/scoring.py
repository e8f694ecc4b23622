"""COCO's average precision of a detector's results, with pycocotools' own numbers. Categories are matched by name."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

# The 12 lines of COCO's summary, in COCOeval.stats' order. Source: pycocotools/cocoeval.py (summarize).
SUMMARY = ("AP", "AP50", "AP75", "AP_small", "AP_medium", "AP_large")
SUMMARY += ("AR_1", "AR_10", "AR_100", "AR_small", "AR_medium", "AR_large")


@dataclass(frozen=True)
class Scores:
    """What pycocotools found; all values 0..1, or None where there are no such boxes (pycocotools says -1).

    summary: the 12 figures by name.
    categories: AP, AP50 and the number of ground-truth boxes (crowds not counted) of each category.
    text: the 12 lines as pycocotools prints them.
    """

    summary: dict[str, float | None]
    categories: dict[str, dict[str, float | int | None]]
    text: str


def to_results(image_id: int, width: int, height: int, detections: object, category_ids: dict[str, int]) -> list[dict]:
    """Detections of one image in COCO's results format; those of categories not in `category_ids` are left out.

    Returns:
      dicts with image_id, category_id, bbox ([x, y, width, height], pixels) and score.
    """
    scale = np.array([height, width, height, width], np.float64)
    results = []
    for box, score, name in zip(detections.boxes * scale, detections.scores, detections.names, strict=True):
        if name in category_ids:
            ymin, xmin, ymax, xmax = box.tolist()
            bbox = [xmin, ymin, xmax - xmin, ymax - ymin]
            results.append(
                {"image_id": image_id, "category_id": category_ids[name], "bbox": bbox, "score": float(score)}
            )
    return results


def score(annotations: dict, results: list[dict], image_ids: Iterable[int]) -> Scores:
    """Score `results` against the ground truth of `image_ids`.

    Args:
      annotations: the content of an instances_*.json.
    """
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools talks to standard output
        truth = COCO()
        # Copies, because pycocotools writes fields of its own (ignore, area, segmentation, id) into what it is given.
        truth.dataset = {**annotations, "annotations": [dict(annotation) for annotation in annotations["annotations"]]}
        truth.createIndex()
        found = truth.loadRes([dict(result) for result in results]) if results else _no_results(truth)
        evaluation = COCOeval(truth, found, "bbox")
        evaluation.params.imgIds = sorted(image_ids)
        evaluation.evaluate()
        evaluation.accumulate()
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        evaluation.summarize()
    summary = {name: _or_none(value) for name, value in zip(SUMMARY, evaluation.stats, strict=True)}
    return Scores(summary, _by_category(evaluation, annotations), printed.getvalue().rstrip())


def _no_results(truth: COCO) -> COCO:
    """pycocotools' loadRes fails on an empty list; a detector that finds nothing is to score 0."""
    empty = COCO()
    empty.dataset = {"images": truth.dataset["images"], "categories": truth.dataset["categories"], "annotations": []}
    empty.createIndex()
    return empty


def _by_category(evaluation: COCOeval, annotations: dict) -> dict[str, dict]:
    # precision: [IoU threshold, recall, category, area range, detections an image]
    precision = evaluation.eval["precision"][:, :, :, 0, -1]
    names = {category["id"]: category["name"] for category in annotations["categories"]}
    images = set(evaluation.params.imgIds)
    counted = [a["category_id"] for a in annotations["annotations"] if not a["iscrowd"] and a["image_id"] in images]
    return {
        names[number]: {
            "AP": _mean(precision[:, :, k]),
            "AP50": _mean(precision[0, :, k]),
            "boxes": counted.count(number),
        }
        for k, number in enumerate(evaluation.params.catIds)
    }


def _mean(precision: np.ndarray) -> float | None:
    defined = precision[precision > -1]
    return float(defined.mean()) if defined.size else None


def _or_none(value: float) -> float | None:
    return None if value == -1 else float(value)
