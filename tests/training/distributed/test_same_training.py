"""Hosts that would train different things together are told which line of the settings it is."""

from __future__ import annotations

import pytest

from support import TINY_PIPELINE
from todus.bridge import pipeline as pipelines
from todus.coco.label_map import LabelMap
from todus.errors import UserError
from todus.training.distributed import same_training

CATEGORIES = LabelMap({1: "banana", 2: "stop sign"})


def described(change=lambda pipeline: None, categories: LabelMap = CATEGORIES, sync: bool = False) -> str:
    pipeline = pipelines.parse(TINY_PIPELINE)
    change(pipeline)
    return same_training.describe(pipeline, categories, sync)


def move(pipeline) -> None:
    pipeline.train_config.fine_tune_checkpoint = "/elsewhere/model.ckpt-0"
    pipeline.train_input_reader.label_map_path = "/elsewhere/label_map.pbtxt"


def test_where_the_files_of_a_host_lie_does_not_matter():
    same_training.require(described(), described(move))


@pytest.mark.parametrize(
    ("here", "what"),
    [
        (described(lambda line: setattr(line.train_config, "batch_size", 3)), "batch_size: 8, here batch_size: 3"),
        (described(lambda line: setattr(line.model.ssd, "num_classes", 3)), "num_classes: 90, here num_classes: 3"),
        (described(categories=LabelMap({1: "bear", 2: "stop sign"})), "category 1: banana, here category 1: bear"),
        (described(sync=True), "SYNC: 0, here SYNC: 1"),
    ],
)
def test_what_differs_is_named(here, what):
    with pytest.raises(UserError, match=f"there {what}"):
        same_training.require(described(), here)
