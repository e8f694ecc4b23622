"""What the Object Detection API's create_coco_tf_record writes, beside what Todus writes, as parsed messages."""

from __future__ import annotations

import json
from pathlib import Path

from todus import bridge
from todus.coco import records
from todus.layout import SHARDS, Dataset


def both_ways(dataset: dict, images_folder: Path, folder: Path, split: str) -> tuple[list[list], list[list]]:
    """(the API's, ours): per shard, the tf.train.Example messages that TensorFlow's own reader finds in it."""
    bridge.install()
    from object_detection.dataset_tools import create_coco_tf_record

    theirs, ours = folder / "theirs", Dataset(folder / "ours")
    theirs.mkdir()
    annotation_file = folder / "annotations.json"
    annotation_file.write_text(json.dumps(dataset))
    create_coco_tf_record._create_tf_record_from_coco_annotations(
        str(annotation_file), str(images_folder), str(theirs / f"coco_{split}.record"), False, SHARDS[split]
    )
    records.write_split(dataset, images_folder, ours, split)
    assert {path.name for path in theirs.iterdir()} == {path.name for path in ours.folder.iterdir()}
    return _parsed(theirs), _parsed(ours.folder)


def _parsed(folder: Path) -> list[list]:
    import tensorflow.compat.v1 as tf

    return [
        [tf.train.Example.FromString(data) for data in tf.io.tf_record_iterator(str(path))]
        for path in sorted(folder.iterdir())
    ]
