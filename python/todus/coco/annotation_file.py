"""COCO's annotation files: reading and writing them, a file of 450 MB in a second or two."""

from __future__ import annotations

import gc
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
from msgspec import UNSET, Raw, UnsetType

from todus import files
from todus.coco import annotation_checks
from todus.coco.ground_truth import Annotation, GroundTruth
from todus.errors import UserError

CHUNK = 20_000  # annotations put into JSON at a time: enough for speed, little beside the rest in memory


def load(path: Path) -> GroundTruth:
    """Read an annotation file. Raises UserError if it is not one, or if it names files outside its folder."""
    return parse(path.read_bytes(), path)


def parse(data: bytes, path: Path) -> GroundTruth:
    """Read the text of an annotation file; `path` is for messages. An annotation that is not as COCO writes them is
    taken as far as it makes sense, and left to annotations.limit and clean to be counted. Raises UserError as `load`
    does."""
    with _no_garbage_collection():  # it would look through millions of objects again and again
        try:
            truth = msgspec.json.decode(data, type=GroundTruth)
        except (msgspec.MsgspecError, RecursionError):
            truth = _parse_leniently(data, path)
    annotation_checks.check_images(truth.images, path)
    annotation_checks.check_categories(truth.categories, path)
    return truth


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
    number, image, category = (annotation.get(key) for key in ("id", "image_id", "category_id"))
    box, area, crowd = annotation.get("bbox"), annotation.get("area"), annotation.get("iscrowd")
    return Annotation(
        id=number if annotation_checks.is_id(number) else None,
        image_id=image if annotation_checks.is_id(image) else None,
        category_id=category if type(category) is int else None,
        bbox=tuple(map(float, box)) if isinstance(box, list) and len(box) == 4 and all(map(_is_finite, box)) else None,
        area=None if area is None else float(area) if _is_finite(area) else math.nan,
        # As pycocotools has it: what is not zero is a crowd.
        iscrowd=int(crowd is True or (_is_finite(crowd) and crowd != 0)),
        segmentation=_raw(annotation["segmentation"]) if "segmentation" in annotation else UNSET,
    )


def _raw(value: object) -> Raw | UnsetType:
    """As JSON, in which what is no number (NaN) becomes null; UNSET for what cannot be written."""
    return Raw(msgspec.json.encode(value)) if annotation_checks.can_be_written(value) else UNSET


def _is_finite(number: object) -> bool:
    try:
        return isinstance(number, int | float) and not isinstance(number, bool) and math.isfinite(number)
    except OverflowError:  # an integer that no float can hold
        return False


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
