"""Draw images from the records of a dataset, to measure on: few, but from all over it, and the same ones each time."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator

import numpy as np
from PIL import Image

from todus.coco import protos
from todus.layout import SHARDS, Dataset

_SEED = 1


def images(dataset: Dataset, count: int, split: str = "train") -> Iterator[np.ndarray]:
    """`count` images of a split, or as many as there are: uint8 [height, width, 3], RGB, each of its own size."""
    for encoded in encoded_images(dataset, count, split):
        with Image.open(io.BytesIO(encoded)) as image:
            yield np.asarray(image.convert("RGB"))


def encoded_images(dataset: Dataset, count: int, split: str) -> Iterator[bytes]:
    """Their files: the first of each shard, in an order that is shuffled once for all, then the second, ..."""
    from todus.bridge.graph_mode import tf

    shards = [dataset.record(split, number) for number in range(SHARDS[split])]
    random.Random(_SEED).shuffle(shards)
    readers = [tf.io.tf_record_iterator(str(path)) for path in shards if path.is_file()]
    while readers and count:
        for reader in list(readers):
            record = next(reader, None)
            if record is None:
                readers.remove(reader)
            elif count:
                count -= 1
                yield protos.Example.FromString(record).features.feature["image/encoded"].bytes_list.value[0]
