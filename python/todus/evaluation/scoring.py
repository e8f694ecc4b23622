"""COCO's average precision of a detector's results: pycocotools' own figures, in a fraction of its time.

faster-coco-eval does the work; tests/evaluation/test_scoring.py holds it to pycocotools.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from todus.errors import UserError

if TYPE_CHECKING:
    from todus.evaluation.detectors import Detections

# The 12 lines of COCO's summary, in COCOeval.stats' order. Source: pycocotools/cocoeval.py (summarize).
SUMMARY = ("AP", "AP50", "AP75", "AP_small", "AP_medium", "AP_large")
SUMMARY += ("AR_1", "AR_10", "AR_100", "AR_small", "AR_medium", "AR_large")

# COCO's sizes of objects by their area in square pixels, both ends included. Source: pycocotools (Params.setDetParams).
SIZES = {"small": (0, 32**2), "medium": (32**2, 96**2), "large": (96**2, 1e10)}

RECALLS = np.linspace(0, 1, 101)  # where a curve has its points

_FEW = 5  # unknown ids that fit in a message


@dataclass(frozen=True)
class Scores:
    """What COCO's evaluation found; all figures 0..1, or None where there are no such boxes (pycocotools says -1).

    summary: the 12 figures by name.
    categories: AP, AP50, AR_100 (recall) and the number of ground-truth boxes (crowds not counted) of each category.
    text: the 12 lines as pycocotools prints them, with n/a for -1.000.
    sizes: the number of ground-truth boxes (crowds not counted) that are small, medium, large.
    curves: category -> precision at each of RECALLS, float64 [101], at IoU 0.5; categories without boxes have none.
    """

    summary: dict[str, float | None]
    categories: dict[str, dict[str, float | int | None]]
    text: str
    sizes: dict[str, int] = field(default_factory=dict)
    curves: dict[str, np.ndarray] = field(default_factory=dict)


def to_results(
    image_id: int, width: int, height: int, detections: Detections, category_ids: dict[str, int]
) -> list[dict]:
    """Detections of one image in COCO's results format; those of categories not in `category_ids` are left out.

    Returns:
      dicts with image_id, category_id, bbox ([x, y, width, height], pixels) and score.
    """
    found = zip(detections.in_pixels(width, height), detections.scores, detections.names, strict=True)
    return [
        {"image_id": image_id, "category_id": category_ids[name], "bbox": bbox, "score": float(score)}
        for bbox, score, name in found
        if name in category_ids
    ]


def score(annotations: dict, results: Sequence[Mapping], image_ids: Iterable[int]) -> Scores:
    """Score `results` against the ground truth of `image_ids`.

    Args:
      annotations: the content of an instances_*.json.
      results: in COCO's results format; those of other images than `image_ids` do not count.

    Raises:
      UserError: a result is of an image or a category that the ground truth does not have.
    """
    require_known(annotations, results)
    images = {image: number for number, image in enumerate(sorted(set(image_ids)), start=1)}
    boxes = [a for a in annotations["annotations"] if a["image_id"] in images]
    evaluation = _evaluated(annotations["categories"], boxes, results, images)
    printed: list[str] = []
    evaluation.print_function = printed.append
    evaluation.summarize()
    counted = [a for a in boxes if not a["iscrowd"]]
    names = {category["id"]: category["name"] for category in annotations["categories"]}
    return Scores(
        {name: _or_none(value) for name, value in zip(SUMMARY, evaluation.stats[: len(SUMMARY)], strict=True)},
        _by_category(evaluation, counted, names),
        "\n".join(printed[: len(SUMMARY)]).replace("= -1.000", "= n/a (no such boxes)"),
        {size: sum(low <= a["area"] <= high for a in counted) for size, (low, high) in SIZES.items()},
        _curves(evaluation, names),
    )


def require_known(annotations: dict, results: Iterable[Mapping]) -> None:
    """Raises UserError that tells which images and categories of `results` the ground truth does not have.

    pycocotools would stop at the images with an assertion, and pass over the categories in silence.
    """
    results = list(results)
    for what, plural, entries in (("image", "images", "images"), ("category", "categories", "categories")):
        known = {entry["id"] for entry in annotations[entries]}
        unknown = sorted({result[f"{what}_id"] for result in results} - known, key=str)
        if unknown:
            few = ", ".join(map(str, unknown[:_FEW])) + (", ..." if len(unknown) > _FEW else "")
            raise UserError(
                f"there are detections of {what if len(unknown) == 1 else plural} {few}, which the ground truth does "
                f"not have; evaluate on the dataset that they were made for"
            )


def _evaluated(categories: list[dict], boxes: list[dict], results: Sequence[Mapping], images: Mapping):
    """A COCOeval with everything but its summary done, which leaves `boxes` and `results` as they are.

    Images and boxes get numbers of our own from 1 on: COCO's evaluation takes a match with a box of id 0 for none.
    """
    from faster_coco_eval import COCO, COCOeval_faster

    def indexed(entries: list[dict]) -> COCO:
        coco = COCO()
        coco.dataset = {
            "images": [{"id": number} for number in images.values()],
            "categories": [{"id": category["id"], "name": category["name"]} for category in categories],
            "annotations": [{**entry, "id": number} for number, entry in enumerate(entries, start=1)],
        }
        coco.createIndex()
        return coco

    truth = [
        {
            "image_id": images[a["image_id"]],
            "category_id": a["category_id"],
            "bbox": a["bbox"],
            "area": a["area"],
            "iscrowd": a["iscrowd"],
        }
        for a in boxes
    ]
    found = [
        {
            "image_id": images[r["image_id"]],
            "category_id": r["category_id"],
            "bbox": r["bbox"],
            "score": r["score"],
            "area": r["bbox"][2] * r["bbox"][3],
            "iscrowd": 0,
        }
        for r in results
        if r["image_id"] in images
    ]
    evaluation = COCOeval_faster(indexed(truth), indexed(found), "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    return evaluation


def _by_category(evaluation, counted: list[dict], names: Mapping[int, str]) -> dict[str, dict]:
    # precision: [IoU threshold, recall, category, area range, detections an image]; recall: the same without recall
    precision, recall = evaluation.eval["precision"][:, :, :, 0, -1], evaluation.eval["recall"][:, :, 0, -1]
    ids = [a["category_id"] for a in counted]
    return {
        names[number]: {
            "AP": _mean(precision[:, :, k]),
            "AP50": _mean(precision[0, :, k]),
            "AR_100": _mean(recall[:, k]),
            "boxes": ids.count(number),
        }
        for k, number in enumerate(evaluation.params.catIds)
    }


def _curves(evaluation, names: Mapping[int, str]) -> dict[str, np.ndarray]:
    at_50 = evaluation.eval["precision"][0, :, :, 0, -1]
    return {names[number]: at_50[:, k] for k, number in enumerate(evaluation.params.catIds) if at_50[0, k] > -1}


def _mean(values: np.ndarray) -> float | None:
    defined = values[values > -1]
    return float(defined.mean()) if defined.size else None


def _or_none(value: float) -> float | None:
    return None if value == -1 else float(value)
