"""What the Object Detection API's create_coco_tf_record writes, beside what Todus writes, as parsed messages."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from todus.bridge import record_writer
from todus.coco import annotations
from todus.coco.annotations import GroundTruth
from todus.coco.records import writer
from todus.layout import SHARDS, Dataset

MASKS = "image/object/mask"


def both_ways(
    truth: GroundTruth, images_folder: Path, folder: Path, split: str, masks: bool
) -> tuple[list[list], list[list]]:
    """(the API's, ours): per shard, the tf.train.Example messages that TensorFlow's own reader finds in it."""
    theirs, ours = folder / "theirs", Dataset(folder / "ours")
    theirs.mkdir()
    annotations.write(folder / "annotations.json", truth)
    output = theirs / f"coco_{split}.record"
    record_writer.write(folder / "annotations.json", images_folder, output, SHARDS[split], masks)
    writer.write_split(truth, images_folder, ours, split, masks=masks)
    assert {path.name for path in theirs.iterdir()} == {path.name for path in ours.folder.iterdir()}
    return _parsed(theirs), _parsed(ours.folder)


def take_masks(shards: list[list]) -> list[np.ndarray]:
    """Take the masks out of the messages and decode them: (height, width) each. The files of equal masks may differ."""
    found = []
    for message in (message for shard in shards for message in shard):
        found += [decoded_mask(png) for png in message.features.feature[MASKS].bytes_list.value]
        del message.features.feature[MASKS]
    return found


def decoded_mask(png: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(png)) as picture:
        assert (picture.format, picture.mode) == ("PNG", "L")
        return np.array(picture)


def _parsed(folder: Path) -> list[list]:
    import tensorflow.compat.v1 as tf

    return [
        [tf.train.Example.FromString(data) for data in tf.io.tf_record_iterator(str(path))]
        for path in sorted(folder.iterdir())
    ]
