"""COCO's annotation files: reading them, keeping what a dataset needs of them, and writing that.

The file is COCO's own JSON object. Of it, images and categories are the file's own dicts; annotations, of which COCO
has 860,001, are typed and hold their outline as the text it was, so that a file of 450 MB is read in a second or two.
Boxes are (x, y, width, height) in pixels from the top left corner.
"""

from __future__ import annotations

import gc
import hashlib
import json
import math
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from msgspec import UNSET, Raw, UnsetType

from todus import files
from todus.errors import UserError

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

CHUNK = 20_000  # annotations put into JSON at a time: enough for speed, little beside the rest in memory

Bbox = tuple[float, float, float, float]


class Annotation(msgspec.Struct, gc=False):
    """One object, with the fields that COCO's instances have; others are not taken over."""

    id: int | str | None  # None, here and below: what the file has is of no use
    image_id: int | str | None
    category_id: int | None
    bbox: Bbox | None
    area: float | None = None  # square pixels
    iscrowd: int = 0
    segmentation: Raw | UnsetType = UNSET  # JSON: polygons [[x, y, ...], ...], or run lengths {"counts", "size"}


class GroundTruth(msgspec.Struct, gc=False):
    """What an annotation file holds. Test-dev has no annotations; info and licenses are JSON, where there are any."""

    images: list[dict]
    categories: list[dict]
    annotations: list[Annotation] | UnsetType = UNSET
    info: Raw | UnsetType = UNSET
    licenses: Raw | UnsetType = UNSET

    @property
    def is_annotated(self) -> bool:
        return self.annotations is not UNSET

    @property
    def boxes(self) -> list[Annotation]:
        """The annotations; none for test-dev."""
        return self.annotations if self.is_annotated else []


@dataclass
class Tally:
    """What was not taken over as it stood."""

    skipped: Counter[str] = field(default_factory=Counter)  # reason -> annotations (or images)
    clipped: int = 0  # boxes that reached over the edge of their image
    negatives: int = 0  # images that are kept although they show no chosen category


def load(path: Path) -> GroundTruth:
    """Read an annotation file. Raises UserError if it is not one, or if it names files outside its folder."""
    return parse(path.read_bytes(), path)


def parse(data: bytes, path: Path) -> GroundTruth:
    """Read the text of an annotation file; `path` is for messages. An annotation that is not as COCO writes them is
    taken as far as it makes sense, and left to `limit` and `clean` to be counted. Raises UserError as `load` does."""
    with _no_garbage_collection():  # it would look through millions of objects again and again
        try:
            truth = _decode(data)
        except msgspec.MsgspecError:
            truth = _parse_leniently(data, path)
    for image in truth.images:
        if not _is_image(image):
            raise UserError(f"{path} has an image without a proper id, file name, width or height: {image!r:.200}")
    for part in ("id", "name"):
        _check_categories(truth.categories, part, path)
    return truth


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


def write(path: Path, truth: GroundTruth) -> None:
    """Write an annotation file: equal input makes equal bytes."""
    encode = msgspec.json.encode
    with files.atomic_file(path) as unfinished, unfinished.open("wb") as file:
        file.write(b"{")
        for part in ("info", "licenses"):
            if getattr(truth, part) is not UNSET:
                file.write(b'"%s":%s,\n' % (part.encode(), bytes(getattr(truth, part))))
        file.write(b'"categories":' + encode(truth.categories))
        file.write(b',\n"images":[')
        file.writelines(_joined(truth.images, encode))
        file.write(b"]")
        if truth.is_annotated:
            file.write(b',\n"annotations":[')
            file.writelines(_joined(truth.annotations, encode))
            file.write(b"]")
        file.write(b"}\n")


def _joined(items: Sequence, encode: Callable[[object], bytes]) -> Iterator[bytes]:
    """The JSON of a list, without its brackets, in chunks."""
    for start in range(0, len(items), CHUNK):
        yield (b",\n" if start else b"") + encode(items[start : start + CHUNK])[1:-1]


def _decode(data: bytes) -> GroundTruth:
    return msgspec.json.decode(data, type=GroundTruth)


def _parse_leniently(data: bytes, path: Path) -> GroundTruth:
    """The slow way, for files that are broken, or that are not what COCO itself would write."""
    try:
        whole = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is damaged ({error}); delete it and run again") from None
    for part in ("images", "categories"):
        if not isinstance(whole, dict) or not isinstance(whole.get(part), list):
            raise UserError(f"{path} is not a COCO annotation file (it has no list of {part}); delete it and run again")
    annotations = whole.get("annotations", [])
    if not isinstance(annotations, list) or not all(isinstance(annotation, dict) for annotation in annotations):
        raise UserError(f"{path} is not a COCO annotation file (no list of annotations); delete it and run again")
    truth = GroundTruth(whole["images"], whole["categories"])
    if "annotations" in whole:
        truth.annotations = [_lenient_annotation(annotation) for annotation in annotations]
    for part in ("info", "licenses"):
        if part in whole:
            setattr(truth, part, _raw(whole[part]))
    return truth


def _lenient_annotation(annotation: Mapping) -> Annotation:
    def of_type(key: str, *types: type) -> object:
        value = annotation.get(key)
        return value if isinstance(value, types) and not isinstance(value, bool) else None

    box, area = annotation.get("bbox"), annotation.get("area")
    return Annotation(
        id=of_type("id", int, str),
        image_id=of_type("image_id", int, str),
        category_id=of_type("category_id", int),
        bbox=tuple(map(float, box)) if isinstance(box, list) and len(box) == 4 and all(map(_is_finite, box)) else None,
        area=float(area) if _is_finite(area) else None,
        iscrowd=int(annotation.get("iscrowd") in (1, True)),
        segmentation=_raw(annotation["segmentation"]) if "segmentation" in annotation else UNSET,
    )


def _raw(value: object) -> Raw:
    return Raw(msgspec.json.encode(value))  # what is no number in JSON (NaN) becomes null


def _is_finite(number: object) -> bool:
    try:
        return isinstance(number, (int, float)) and not isinstance(number, bool) and math.isfinite(number)
    except OverflowError:  # an integer that no float can hold
        return False


def _is_image(image: object) -> bool:
    if not isinstance(image, dict) or not isinstance(image.get("id"), (int, str)):
        return False
    width, height = image.get("width"), image.get("height")
    has_size = isinstance(width, int) and isinstance(height, int) and width > 0 and height > 0
    return has_size and _is_plain_name(image.get("file_name"))


def _is_plain_name(name: object) -> bool:
    """Whether it is the name of a file that stays in its folder."""
    if not isinstance(name, str) or name in ("", ".", "..") or set(name) & set("/\\\0"):
        return False
    try:
        name.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
    return True


def _check_categories(categories: Sequence, part: str, path: Path) -> None:
    kind = {"id": int, "name": str}[part]
    values = set()
    for category in categories:
        if not isinstance(category, dict) or not isinstance(category.get(part), kind):
            raise UserError(f"{path} has a category without an id or a name: {category!r:.200}")
        if category[part] in values:
            raise UserError(f"{path} has two categories with the {part} {category[part]!r}; correct it")
        values.add(category[part])


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
        area = box[2] * box[3] if annotation.area is None else annotation.area  # scoring needs one
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


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
