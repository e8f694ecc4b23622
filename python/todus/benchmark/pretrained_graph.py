"""The pretrained detector with all its classes, exported as the limited one is, so that only the classes differ.

The zoo's own frozen graph would not do: an exporter of 2018 wrote it, with other operations and thresholds.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import todus
from todus import files
from todus.bridge import pipeline as pipelines
from todus.bridge.pipeline import Pipeline
from todus.coco import label_map, labels
from todus.layout import LABELS, Model
from todus.zoo import archive, pretrained
from todus.zoo import pipeline as zoo_pipeline


@dataclass(frozen=True)
class Source:
    """The zoo's checkpoint, its pipeline with the limited model's post-processing, and the lines of its labels.txt."""

    pipeline: Pipeline
    prefix: Path
    labels: str

    @property
    def fingerprint(self) -> dict[str, str]:
        """Tells it from any other."""
        content = self.pipeline.SerializeToString(deterministic=True)
        return {
            "todus": todus.__version__,
            "pipeline": hashlib.sha256(content).hexdigest(),
            "checkpoint": files.sha256(self.prefix.with_name(f"{self.prefix.name}.index")),
            "labels": self.labels,
        }


def source(model: Model) -> Source:
    """Raises UserError if nothing tells what the pretrained model's classes are."""
    pipeline = with_post_processing_of(pipelines.load(model.zoo_pipeline), pipelines.load(model.pipeline))
    known = pretrained.categories(model, class_count(model))
    names = pretrained.called_as(known, label_map.read(model.label_map))
    return Source(pipeline, archive.checkpoint(model), labels.to_text(names))


def class_count(model: Model) -> int:
    """How many classes the pretrained model scores; COCO's ids have holes, which it scores too."""
    return zoo_pipeline.detector(pipelines.load(model.zoo_pipeline)).num_classes


def with_post_processing_of(pipeline: Pipeline, other: Pipeline) -> Pipeline:
    """`pipeline`, with how `other` suppresses and how many detections it keeps."""
    changed = pipelines.copy(pipeline)
    ours, theirs = (getattr(one.model, pipelines.meta_architecture(one)) for one in (changed, other))
    name = "post_processing" if hasattr(ours, "post_processing") else "second_stage_post_processing"
    getattr(ours, name).CopyFrom(getattr(theirs, name))
    return changed


def is_current(model: Model, wanted: Source) -> bool:
    """Whether it has been exported from `wanted`."""
    if not model.benchmark_pretrained_graph.is_file():
        return False
    try:
        return json.loads(model.benchmark_pretrained_source.read_text(encoding="utf-8")) == wanted.fingerprint
    except (FileNotFoundError, ValueError):
        return False


def export(model: Model, wanted: Source) -> None:
    """Write frozen graph, checkpoint and labels.txt to model/NAME/benchmark/pretrained/."""
    from todus.bridge import exporter

    with files.atomic_folder(model.benchmark_pretrained) as folder:
        exporter.export_inference_graph(wanted.pipeline, wanted.prefix, folder)
        shutil.rmtree(folder / "saved_model")
        (folder / "model.ckpt.meta").unlink()
        files.write_text(folder / LABELS, wanted.labels)
        files.write_json(folder / model.benchmark_pretrained_source.name, wanted.fingerprint, indent=2)
