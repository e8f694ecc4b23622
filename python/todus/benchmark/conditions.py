"""What a benchmark's figures hold for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from todus.benchmark import machine, pretrained_graph
from todus.benchmark.row import Row
from todus.benchmark.rows import Measuring
from todus.bridge import pipeline as pipelines
from todus.coco import label_map
from todus.zoo import pipeline as zoo_pipeline


@dataclass(frozen=True)
class Conditions:
    """
    images: how many AP is of; timed_images, rounds: how many images were timed, and how often one was.
    classes: that the pretrained and the limited model score.
    """

    checkpoint: str
    dataset: str
    categories: list[str]
    classes: tuple[int, int]
    images: int
    timed_images: int
    rounds: int
    threads: int
    is_quantized: bool
    machine: dict[str, str | int]
    versions: dict[str, str]


def of(measuring: Measuring, checkpoint: str, measured: Sequence[Row]) -> Conditions:
    model, cut = measuring.model, label_map.read(measuring.model.label_map)
    return Conditions(
        checkpoint=checkpoint,
        dataset=measuring.on.name,
        categories=list(cut.ids),
        classes=(pretrained_graph.class_count(model), max(cut.names)),
        images=len(measuring.on.images),
        timed_images=len(measuring.timed),
        rounds=max((len(row.timings.whole) for row in measured if row.timings), default=0),
        threads=measuring.threads,
        is_quantized=zoo_pipeline.is_quantized(pipelines.load(model.pipeline)),
        machine=machine.describe(),
        versions=machine.versions(),
    )
