"""Which detection found which object: for counting confusions and for finding the worst images.

Not COCO's matching, which looks at one category at a time and so cannot tell a bus that was taken for a truck from a
bus that was missed. Here an object that was found in its own category is found; what is left over, of objects and of
detections, is compared across categories.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

IOU = 0.5  # the least overlap of a detection with the object that it found
MIN_SCORE = 0.3  # what the zoo's exported graphs show; lower scores serve average precision only


class Pair(NamedTuple):
    """An object and the detection that found it; None for an object that was missed, or a detection of nothing.

    Both are COCO's dicts (`category_id`, `bbox`).
    """

    truth: Mapping | None
    found: Mapping | None

    @property
    def is_right(self) -> bool:
        return bool(self.truth and self.found and self.truth["category_id"] == self.found["category_id"])


def match(
    annotations: dict, results: Iterable[Mapping], image_ids: Iterable[int], min_score: float = MIN_SCORE
) -> dict[int, list[Pair]]:
    """image id -> the pairs of its objects and detections, each of them once.

    Detections under `min_score` do not count. Crowds are no objects, and a detection that is left over is ignored where
    it lies in a crowd of its category.

    Args:
      annotations: the content of an instances_*.json.
      results: in COCO's results format.
    """
    truth, found = defaultdict(list), defaultdict(list)
    for annotation in annotations["annotations"]:
        truth[annotation["image_id"]].append(annotation)
    for result in results:
        if result["score"] >= min_score:
            found[result["image_id"]].append(result)
    return {image: _match_image(truth[image], found[image]) for image in image_ids}


def _match_image(truth: list[Mapping], found: list[Mapping]) -> list[Pair]:
    objects = [a for a in truth if not a["iscrowd"]]
    crowds = [a for a in truth if a["iscrowd"]]
    left = sorted(found, key=lambda result: -result["score"])
    own, left, missed = _match_best_first(objects, left, same_category=True)
    left = [result for result in left if not _lies_in_any(result, crowds)]
    confused, left, missed = _match_best_first(missed, left, same_category=False)
    return [*own, *confused, *(Pair(one, None) for one in missed), *(Pair(None, one) for one in left)]


def _match_best_first(
    objects: list[Mapping], found: list[Mapping], same_category: bool
) -> tuple[list[Pair], list[Mapping], list[Mapping]]:
    """Each detection, the best first, takes the object that it overlaps most of those not taken yet.

    Returns:
      The pairs, the detections left over, the objects left over.
    """
    overlaps = overlap(found, objects)
    if same_category:
        categories = np.array([one["category_id"] for one in objects])
        for row, result in enumerate(found):
            overlaps[row, categories != result["category_id"]] = 0
    pairs, left, taken = [], [], set()
    for row, result in enumerate(found):
        best = int(overlaps[row].argmax()) if objects else 0
        if objects and overlaps[row, best] >= IOU:
            pairs.append(Pair(objects[best], result))
            taken.add(best)
            overlaps[:, best] = 0
        else:
            left.append(result)
    return pairs, left, [one for number, one in enumerate(objects) if number not in taken]


def _lies_in_any(result: Mapping, crowds: list[Mapping]) -> bool:
    own = [crowd for crowd in crowds if crowd["category_id"] == result["category_id"]]
    return bool(np.any(overlap([result], own, are_crowds=True) >= IOU))


def overlap(found: list[Mapping], objects: list[Mapping], are_crowds: bool = False) -> np.ndarray:
    """Intersection over union of every detection with every object; of a crowd, over the detection alone, as COCO does.

    Returns:
      float64 [detections, objects].
    """
    from faster_coco_eval import mask

    if not found or not objects:
        return np.zeros((len(found), len(objects)))
    boxes = [np.array([one["bbox"] for one in ones], np.float64) for ones in (found, objects)]
    return np.array(mask.iou(*boxes, [int(are_crowds)] * len(objects)))
