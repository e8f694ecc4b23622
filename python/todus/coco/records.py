"""TFRecord files of a dataset, as the Object Detection API's create_coco_tf_record (without masks) writes them."""

from __future__ import annotations

import hashlib
import io
import struct
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import google_crc32c
from PIL import Image

from todus import layout
from todus.coco import annotations, protos
from todus.errors import UserError
from todus.progress import Progress

END_OF_JPEG = b"\xff\xd9"
CRC_MASK = 0xA282EAD8  # tensorflow/core/lib/hash/crc32c.h


@dataclass(frozen=True)
class Written:
    """What the records of one split hold."""

    images: int
    annotations: int
    size_differs: int  # images whose real size is not the one in the annotation file


def write_split(dataset: Mapping, images_folder: Path, target: layout.Dataset, split: str) -> Written:
    """Write the records of `split`: image i of the dataset goes to shard i % layout.SHARDS[split].

    Raises UserError that names the image if one is missing, is no JPEG, or is cut off.
    """
    names = {category["id"]: category["name"] for category in dataset["categories"]}
    boxes = annotations.by_image(dataset)
    size_differs = 0
    target.folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack, Progress(f"{split} records", len(dataset["images"]), "image") as bar:
        shards = [stack.enter_context(target.record(split, shard).open("wb")) for shard in range(layout.SHARDS[split])]
        for index, image in enumerate(dataset["images"]):
            encoded, size = read_jpeg(images_folder / image["file_name"])
            size_differs += size != (image["width"], image["height"])
            message = example(image, boxes[image["id"]], encoded, names)
            # Map entries in a fixed order: the same dataset makes the same bytes.
            write_record(shards[index % len(shards)], message.SerializeToString(deterministic=True))
            bar.advance()
    return Written(len(dataset["images"]), sum(map(len, boxes.values())), size_differs)


def read_jpeg(path: Path) -> tuple[bytes, tuple[int, int]]:
    """The bytes of a whole JPEG file and its (width, height). Raises UserError."""
    try:
        encoded = path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"there is no image {path}; run again to fetch it") from None
    try:
        with Image.open(io.BytesIO(encoded)) as image:
            if image.format != "JPEG":
                raise UserError(f"{path} is a {image.format} file, not a JPEG; delete it and run again")
            if not encoded.endswith(END_OF_JPEG):  # cut off, or followed by something harmless: decoding tells
                image.load()
            return encoded, image.size
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        reason = str(error).split("<")[0].strip()  # without the address of the buffer
        raise UserError(f"{path} is not a readable image ({reason}); delete it and run again") from None


def example(image: Mapping, boxes: Sequence[Mapping], encoded: bytes, names: Mapping[int, str]) -> protos.Example:
    """The tf.train.Example of one image.

    Args:
      image: COCO's image dict; its size (pixels) is what boxes are normalized by, as the API does.
      boxes: COCO's annotation dicts of the image.
      encoded: the JPEG file.
      names: category id -> name.
    """
    width, height = image["width"], image["height"]
    xywh = [box["bbox"] for box in boxes]
    features = {
        "image/height": _integers([height]),
        "image/width": _integers([width]),
        "image/filename": _bytes([image["file_name"].encode()]),
        "image/source_id": _bytes([str(image["id"]).encode()]),
        "image/key/sha256": _bytes([hashlib.sha256(encoded).hexdigest().encode()]),
        "image/encoded": _bytes([encoded]),
        "image/format": _bytes([b"jpeg"]),
        "image/object/bbox/xmin": _floats([x / width for x, _, _, _ in xywh]),
        "image/object/bbox/xmax": _floats([(x + w) / width for x, _, w, _ in xywh]),
        "image/object/bbox/ymin": _floats([y / height for _, y, _, _ in xywh]),
        "image/object/bbox/ymax": _floats([(y + h) / height for _, y, _, h in xywh]),
        "image/object/class/text": _bytes([names[box["category_id"]].encode() for box in boxes]),
        "image/object/is_crowd": _integers([box["iscrowd"] for box in boxes]),
        "image/object/area": _floats([box["area"] for box in boxes]),
    }
    message = protos.Example()
    for name, feature in features.items():
        message.features.feature[name].CopyFrom(feature)
    return message


def write_record(file: BinaryIO, data: bytes) -> None:
    """Append one TFRecord: length (uint64), its masked CRC32C, the data, its masked CRC32C, little endian."""
    length = struct.pack("<Q", len(data))
    file.write(length + _masked_crc(length) + data + _masked_crc(data))


def _masked_crc(data: bytes) -> bytes:
    crc = google_crc32c.value(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + CRC_MASK) & 0xFFFFFFFF)


def _bytes(values: Sequence[bytes]) -> protos.Feature:
    return protos.Feature(bytes_list=protos.BytesList(value=values))


def _floats(values: Sequence[float]) -> protos.Feature:
    return protos.Feature(float_list=protos.FloatList(value=values))


def _integers(values: Sequence[int]) -> protos.Feature:
    return protos.Feature(int64_list=protos.Int64List(value=values))
