"""COCO's annotation files: reading them, and keeping what a dataset needs of them.

A dataset is COCO's own JSON object: `images`, `categories`, `annotations` (none for test-dev) and, where the file has
them, `info` and `licenses`. Boxes are [x, y, width, height] in pixels from the top left corner.
"""

from __future__ import annotations

import gc
import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from todus.errors import UserError

# Why an annotation is not kept.
EMPTY = "empty box"
OUTSIDE = "box outside its image"
INVALID = "invalid box"
UNKNOWN_IMAGE = "unknown image"
UNKNOWN_CATEGORY = "unknown category"
# Why an image is not kept, though it shows a chosen category: as a negative it would teach the opposite.
NO_BOX_LEFT = "image left without a box"


@dataclass
class Tally:
    """What was not taken over as it stood."""

    skipped: Counter[str] = field(default_factory=Counter)  # reason -> annotations (or images)
    clipped: int = 0  # boxes that reached over the edge of their image


def load(path: Path) -> dict:
    """Read an annotation file. Raises UserError if it is not one, or if it names files outside its folder."""
    try:
        with _no_garbage_collection():  # it would look through millions of objects again and again
            dataset = json.loads(path.read_bytes())
    except ValueError as error:
        raise UserError(f"{path} is damaged ({error}); delete it and run again") from None
    for part in ("images", "categories"):
        if not isinstance(dataset, dict) or not isinstance(dataset.get(part), list):
            raise UserError(f"{path} is not a COCO annotation file (it has no list of {part}); delete it and run again")
    for image in dataset["images"]:
        if not _is_image(image):
            raise UserError(f"{path} has an image without a proper id, file name, width or height: {image!r:.200}")
    annotations = dataset.get("annotations", [])
    if not isinstance(annotations, list) or not all(isinstance(annotation, dict) for annotation in annotations):
        raise UserError(f"{path} is not a COCO annotation file (no list of annotations); delete it and run again")
    for category in dataset["categories"]:
        if not isinstance(category, dict) or not {"id", "name"} <= category.keys():
            raise UserError(f"{path} has a category without an id or a name: {category!r:.200}")
    return dataset


def limit(dataset: Mapping, names: Sequence[str]) -> tuple[dict, Tally]:
    """Keep the images that show ANY of the categories `names`, and of those the boxes of these categories only.

    Categories get the ids 1..N in the order of `names`. Boxes are clipped to their image and dropped only if nothing
    is left. A dataset without annotations (test-dev) keeps all its images. Returns (dataset, tally).
    """
    by_name = {category["name"]: category for category in dataset["categories"]}
    missing = [name for name in names if name not in by_name]
    if missing:
        raise UserError(f"one of the annotation files has no category {', '.join(missing)}; the splits do not match")
    categories = [{**by_name[name], "id": number} for number, name in enumerate(names, start=1)]
    new_ids = {by_name[name]["id"]: number for number, name in enumerate(names, start=1)}
    limited = {**dataset, "categories": categories}
    if "annotations" not in dataset:
        return limited, Tally()
    annotations, tally = _usable(dataset, new_ids.get)
    shown = {annotation["image_id"] for annotation in annotations}
    meant = {a.get("image_id") for a in dataset["annotations"] if a.get("category_id") in new_ids}
    limited["images"] = [image for image in dataset["images"] if image["id"] in shown]
    limited["annotations"] = annotations
    lost = sum(image["id"] in meant and image["id"] not in shown for image in dataset["images"])
    if lost:
        tally.skipped[NO_BOX_LEFT] = lost
    return limited, tally


def clean(dataset: Mapping) -> tuple[dict, Tally]:
    """Keep everything under its own ids, with the boxes clipped and checked as `limit` does."""
    if "annotations" not in dataset:
        return dict(dataset), Tally()
    own_ids = {category["id"]: category["id"] for category in dataset["categories"]}
    annotations, tally = _usable(dataset, own_ids.get)
    unknown = sum(annotation.get("category_id") not in own_ids for annotation in dataset["annotations"])
    if unknown:
        tally.skipped[UNKNOWN_CATEGORY] = unknown
    return {**dataset, "annotations": annotations}, tally


def by_image(dataset: Mapping) -> dict[int, list[dict]]:
    """image id -> its annotations, in the order of the file; every image has an entry."""
    index: dict[int, list[dict]] = {image["id"]: [] for image in dataset["images"]}
    for annotation in dataset.get("annotations", ()):
        index[annotation["image_id"]].append(annotation)
    return index


def _usable(dataset: Mapping, new_id: Callable[[int], int | None]) -> tuple[list[dict], Tally]:
    """The annotations whose category has a new id and whose box shows something of its image."""
    sizes = {image["id"]: (image["width"], image["height"]) for image in dataset["images"]}
    kept, tally = [], Tally()
    for annotation in dataset["annotations"]:
        category = new_id(annotation.get("category_id"))
        if category is None:
            continue
        size = sizes.get(annotation.get("image_id"))
        box, reason = (None, UNKNOWN_IMAGE) if size is None else _clip(annotation.get("bbox"), *size)
        if box is None:
            tally.skipped[reason] += 1
            continue
        tally.clipped += box is not annotation["bbox"]
        usable = {**annotation, "category_id": category, "bbox": box}
        usable.setdefault("iscrowd", 0)  # own files often lack these two; scoring needs them
        usable.setdefault("area", box[2] * box[3])
        kept.append(usable)
    return kept, tally


def _clip(box: object, image_width: int, image_height: int) -> tuple[list[float] | None, str]:
    """The part of `box` inside the image (the same object if that is all of it), or None and why."""
    if not _is_box(box):
        return None, INVALID
    x, y, width, height = box
    if width <= 0 or height <= 0:
        return None, EMPTY
    if x >= 0 and y >= 0 and x + width <= image_width and y + height <= image_height:
        return box, ""
    left, clipped_width = _clip_side(x, width, image_width)
    top, clipped_height = _clip_side(y, height, image_height)
    if clipped_width <= 0 or clipped_height <= 0:
        return None, OUTSIDE
    return [left, top, clipped_width, clipped_height], ""


def _clip_side(start: float, length: float, limit: int) -> tuple[float, float]:
    """Clip start and length to 0..limit. Readers (the API's own writer is one) drop a box that ends beyond its image;
    these two never add up to more than the limit, as rounding to nearest cannot pass a whole number."""
    first = max(start, 0)
    return first, min(start + length, limit) - first


def _is_box(box: object) -> bool:
    return (
        isinstance(box, list)
        and len(box) == 4
        and all(isinstance(number, (int, float)) and math.isfinite(number) for number in box)
    )


def _is_image(image: object) -> bool:
    if not isinstance(image, dict) or "id" not in image:
        return False
    name, width, height = image.get("file_name"), image.get("width"), image.get("height")
    plain_name = isinstance(name, str) and name not in ("", ".", "..") and not set(name) & set("/\\\0")
    return plain_name and isinstance(width, int) and isinstance(height, int) and width > 0 and height > 0


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
