"""What a benchmark's figures hold for: weights, images, threads, the machine, and the versions of what runs on it."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from todus.benchmark import pretrained_graph
from todus.benchmark.rows import Measuring, Row
from todus.bridge import pipeline as pipelines
from todus.coco import label_map
from todus.coco.records import workers
from todus.evaluation import origin
from todus.zoo import pipeline as zoo_pipeline

_PROCESSORS = Path("/proc/cpuinfo")
_MODEL = ("model name", "Model", "Hardware")  # x86; what an ARM says instead


@dataclass(frozen=True)
class Conditions:
    """
    classes, quantized: how many the pretrained and the limited model score, and whether they have fake quantization.
    images: how many AP is of; timed_images, rounds: how many images were timed, and how often one was.
    """

    checkpoint: str
    dataset: str
    categories: list[str]
    classes: tuple[int, int]
    quantized: tuple[bool, bool]
    images: int
    timed_images: int
    rounds: int
    threads: int
    machine: dict[str, str | int]
    versions: dict[str, str]


def of(measuring: Measuring, measured: Sequence[Row]) -> Conditions:
    model = measuring.shadow.model
    cut = label_map.read(model.label_map)
    rounds = max((len(row.timings.whole) for row in measured if row.timings), default=0)
    zoo, own = (zoo_pipeline.is_quantized(pipelines.load(path)) for path in (model.zoo_pipeline, model.pipeline))
    return Conditions(
        checkpoint=measuring.shadow.prefix.name,
        dataset=measuring.on.name,
        categories=list(cut.ids),
        classes=(pretrained_graph.class_count(model), max(cut.names)),
        quantized=(zoo, own),
        images=len(measuring.on.images),
        timed_images=min(rounds, len(measuring.timed)),
        rounds=rounds,
        threads=measuring.threads,
        machine={"processor": processor(), "cores": workers.cores(), "system": platform.system()},
        versions={
            "python": platform.python_version(),
            **origin.versions("tensorflow", "ai-edge-litert", "onnxruntime", "opencv-python-headless", "numpy"),
        },
    )


def processor() -> str:
    """What the processor is called, as far as the system tells it."""
    try:
        lines = _PROCESSORS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    known = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return next((known[name] for name in _MODEL if known.get(name)), platform.processor() or platform.machine())
