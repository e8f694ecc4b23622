"""The Object Detection API's own writer of COCO records: what ours is tested and timed against."""

from __future__ import annotations

from pathlib import Path

from todus import bridge


def write(annotations: Path, images_folder: Path, output: Path, shards: int, masks: bool) -> None:
    """Write `output`-?????-of-?????, as `create_coco_tf_record` does (with --include_masks)."""
    bridge.install()
    from object_detection.dataset_tools import create_coco_tf_record

    create_coco_tf_record._create_tf_record_from_coco_annotations(
        str(annotations), str(images_folder), str(output), masks, shards
    )
