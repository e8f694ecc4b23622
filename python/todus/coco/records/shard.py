"""One record file of a split: a piece of work that needs nothing but its description, in this process or in another."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from todus.coco import encoded_image
from todus.coco.annotations import Annotation
from todus.coco.records import example, stored_image, tfrecord


class Job(msgspec.Struct):
    """What is to be written where. It has JSON's types only, so that it gets to another process fast."""

    record: str  # path of the file
    images_folder: str
    images: list[dict]  # COCO's, with at least id, file_name, width and height
    boxes: list[list[Annotation]]  # of each image
    names: dict[int, str]  # category id -> name
    masks: bool


@dataclass
class Result:
    """What became of a job."""

    images: int = 0  # written
    annotations: int = 0  # written
    size_differs: int = 0  # images whose real size is not the one in the annotation file
    without_mask: int = 0  # annotations whose mask is empty because they have no outline, or a malformed one
    converted: Counter[str] = field(default_factory=Counter)  # how -> images
    skipped: dict[int, str] = field(default_factory=dict)  # place in the job -> why


def write_encoded(job: bytes) -> Result:
    """`write` a job given as JSON."""
    return write(_job.decode(job))


def write(job: Job) -> Result:
    """Write the file. Raises UserError if an image is missing; one that is not whole is left out."""
    result = Result()
    with Path(job.record).open("wb") as file:
        for place, (image, boxes) in enumerate(zip(job.images, job.boxes, strict=True)):
            try:
                stored = stored_image.read(Path(job.images_folder, image["file_name"]))
            except encoded_image.BadImage as bad:
                result.skipped[place] = str(bad)
                continue
            masks = _masks(image, boxes, result) if job.masks else None
            tfrecord.write_record(file, example.serialized(image, boxes, stored, job.names, masks))
            result.images += 1
            result.annotations += len(boxes)
            result.size_differs += stored.size != (image["width"], image["height"])
            if stored.made_anew:
                result.converted[stored.made_anew] += 1
    return result


def _masks(image: dict, boxes: list[Annotation], result: Result) -> list[bytes]:
    from todus.coco.records import masks  # brings numpy, which takes longer to load than a small split to write

    size = image["width"], image["height"]
    found = [masks.encode(box, *size) for box in boxes]
    result.without_mask += found.count(None)
    return [masks.blank(*size) if mask is None else mask for mask in found]


_job = msgspec.json.Decoder(Job)
