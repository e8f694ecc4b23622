"""What a dataset keeps of COCO's annotations, and what it does not, counted by reason.

Boxes are (x, y, width, height) in pixels from the top left corner.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from todus.coco.annotation_file import load, parse, write
from todus.coco.ground_truth import Annotation, Bbox, GroundTruth
from todus.errors import UserError

__all__ = ["Annotation", "GroundTruth", "Tally", "load", "parse", "write"]
__all__ += ["by_image", "clean", "limit", "require_boxes", "without_images"]

# Why an annotation is not kept.
EMPTY = "empty box"
OUTSIDE = "box outside its image"
INVALID = "invalid box"
NO_ID = "annotation without an id"
DUPLICATE = "annotation with the id of another"
UNKNOWN_IMAGE = "unknown image"
UNKNOWN_CATEGORY = "unknown category"
# Why an image is not kept. The first shows a chosen category: as a negative it would teach the opposite.
NO_BOX_LEFT = "image left without a box"
DUPLICATE_IMAGE = "image with the id of another"

LARGEST_AREA = 3.4e38  # square pixels: what a record's float can hold


@dataclass
class Tally:
    """What was not taken over as it stood."""

    skipped: Counter[str] = field(default_factory=Counter)  # reason -> annotations (or images)
    clipped: int = 0  # boxes that reached over the edge of their image
    areas: int = 0  # that no outline can have, and are that of the box instead
    negatives: int = 0  # images that are kept although they show no chosen category


def limit(truth: GroundTruth, names: Sequence[str], negatives: float = 0.0, seed: int = 0) -> tuple[GroundTruth, Tally]:
    """Keep the images that show ANY of the categories `names`, and of those the boxes of these categories only.

    Categories get the ids 1..N in the order of `names`. Boxes are clipped to their image and dropped only if nothing
    is left. Besides, the share `negatives` (0 to 1) of the images that show none of the categories is kept; which ones
    depends on their ids and `seed` alone. A file without annotations (test-dev) keeps all its images.
    """
    by_name = {category["name"]: category for category in truth.categories}
    missing = [name for name in names if name not in by_name]
    if missing:
        raise UserError(f"one of the annotation files has no category {', '.join(missing)}; the splits do not match")
    categories = [{**by_name[name], "id": number} for number, name in enumerate(names, start=1)]
    new_ids = {by_name[name]["id"]: number for number, name in enumerate(names, start=1)}
    images, tally = _without_duplicates(truth.images)
    if not truth.is_annotated:
        return _replaced(truth, images=images, categories=categories), tally
    annotations = _usable(truth.annotations, images, new_ids.get, tally)
    shown = {annotation.image_id for annotation in annotations}
    meant = {annotation.image_id for annotation in truth.annotations if annotation.category_id in new_ids}
    kept = []
    for image in images:
        if image["id"] in shown:
            kept.append(image)
        elif image["id"] in meant:
            tally.skipped[NO_BOX_LEFT] += 1
        elif _chance(image["id"], seed) < negatives:
            tally.negatives += 1
            kept.append(image)
    return _replaced(truth, images=kept, categories=categories, annotations=annotations), tally


def clean(truth: GroundTruth) -> tuple[GroundTruth, Tally]:
    """Keep everything under its own ids, with the boxes clipped and checked as `limit` does."""
    images, tally = _without_duplicates(truth.images)
    if not truth.is_annotated:
        return _replaced(truth, images=images), tally
    own_ids = {category["id"]: category["id"] for category in truth.categories}
    annotations = _usable(truth.annotations, images, own_ids.get, tally)
    unknown = sum(annotation.category_id not in own_ids for annotation in truth.annotations)
    if unknown:
        tally.skipped[UNKNOWN_CATEGORY] = unknown
    return _replaced(truth, images=images, annotations=annotations), tally


def require_boxes(truth: GroundTruth, split: str, path: Path) -> None:
    """Raise UserError if the annotation file `path` of `split` has no list of annotations; test-dev needs none."""
    if split != "testdev" and not truth.is_annotated:
        raise UserError(f"{path} has no annotations, so it is not COCO's; delete it and run again")


def without_images(truth: GroundTruth, ids: set[Hashable]) -> GroundTruth:
    """The same without these images and what is in them."""
    images = [image for image in truth.images if image["id"] not in ids]
    if not truth.is_annotated:
        return _replaced(truth, images=images)
    annotations = [annotation for annotation in truth.annotations if annotation.image_id not in ids]
    return _replaced(truth, images=images, annotations=annotations)


def by_image(truth: GroundTruth) -> dict[Hashable, list[Annotation]]:
    """image id -> its annotations, in the order of the file; every image has an entry."""
    index: dict[Hashable, list[Annotation]] = {image["id"]: [] for image in truth.images}
    for annotation in truth.boxes:
        index[annotation.image_id].append(annotation)
    return index


def _replaced(truth: GroundTruth, **parts: object) -> GroundTruth:
    return msgspec.structs.replace(truth, **parts)


def _without_duplicates(images: Sequence[dict]) -> tuple[list[dict], Tally]:
    first = {image["id"]: image for image in reversed(images)}
    kept = [image for image in images if first[image["id"]] is image]
    tally = Tally()
    if len(kept) < len(images):
        tally.skipped[DUPLICATE_IMAGE] = len(images) - len(kept)
    return kept, tally


def _usable(
    annotations: Sequence[Annotation], images: Sequence[Mapping], new_id: Callable[[int], int | None], tally: Tally
) -> list[Annotation]:
    """The annotations whose category has a new id and whose box shows something of its image; counts the others."""
    sizes = {image["id"]: (image["width"], image["height"]) for image in images}
    kept: list[Annotation] = []
    seen: set[Hashable] = set()
    for annotation in annotations:
        category = new_id(annotation.category_id)
        if category is None:
            continue
        box, reason = _checked_box(annotation, sizes.get(annotation.image_id), seen)
        if box is None:
            tally.skipped[reason] += 1
            continue
        seen.add(annotation.id)
        tally.clipped += box is not annotation.bbox
        area = annotation.area
        if area is None or not 0 <= area <= LARGEST_AREA:
            tally.areas += area is not None
            area = box[2] * box[3]  # scoring needs one
        kept.append(
            Annotation(
                annotation.id, annotation.image_id, category, box, area, annotation.iscrowd, annotation.segmentation
            )
        )
    return kept


def _checked_box(annotation: Annotation, size: tuple[int, int] | None, seen: set[Hashable]) -> tuple[Bbox | None, str]:
    """The part of the box inside its image (the same object if that is all of it), or None and why."""
    if size is None:
        return None, UNKNOWN_IMAGE
    if annotation.id is None:
        return None, NO_ID
    if annotation.id in seen:
        return None, DUPLICATE
    return (None, INVALID) if annotation.bbox is None else _clip(annotation.bbox, *size)


def _clip(box: Bbox, image_width: int, image_height: int) -> tuple[Bbox | None, str]:
    x, y, width, height = box
    if width <= 0 or height <= 0:
        return None, EMPTY
    if x >= 0 and y >= 0 and x + width <= image_width and y + height <= image_height:
        return box, ""
    left, clipped_width = _clip_side(x, width, image_width)
    top, clipped_height = _clip_side(y, height, image_height)
    if clipped_width <= 0 or clipped_height <= 0:
        return None, OUTSIDE
    return (left, top, clipped_width, clipped_height), ""


def _clip_side(start: float, length: float, limit: int) -> tuple[float, float]:
    """Clip start and length to 0..limit. Readers (the API's own writer is one) drop a box that ends beyond its image;
    these two never add up to more than the limit, as rounding to nearest cannot pass a whole number."""
    first = max(start, 0)
    return first, min(start + length, limit) - first


def _chance(image_id: Hashable, seed: int) -> float:
    """A number from 0 to below 1 that is as good as random, and the same each time."""
    digest = hashlib.blake2b(f"{seed} {image_id}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64
