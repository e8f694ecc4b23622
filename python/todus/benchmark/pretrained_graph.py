"""The pretrained detector with all its classes, exported as the limited one is, so that only the classes differ.

The zoo's own frozen graph would not do: an exporter of 2018 wrote it, with other operations and thresholds.
"""

from __future__ import annotations

import shutil

from todus import files
from todus.bridge import pipeline as pipelines
from todus.bridge.pipeline import Pipeline
from todus.coco import label_map, labels
from todus.layout import LABELS, Model
from todus.zoo import archive, pretrained
from todus.zoo import pipeline as zoo_pipeline


def class_count(model: Model) -> int:
    """How many classes the pretrained model scores; COCO's ids have holes, which it scores too."""
    return zoo_pipeline.detector(pipelines.load(model.zoo_pipeline)).num_classes


def export(model: Model) -> None:
    """Write frozen graph, checkpoint and labels.txt to model/NAME/benchmark/pretrained/.

    Raises:
      UserError: nothing tells what the pretrained model's classes are.
    """
    known = pretrained.categories(model, class_count(model))
    names = pretrained.called_as(known, label_map.read(model.label_map))
    pipeline = with_post_processing_of(pipelines.load(model.zoo_pipeline), pipelines.load(model.pipeline))

    from todus.bridge import exporter

    with files.atomic_folder(model.benchmark_pretrained) as folder:
        exporter.export_inference_graph(pipeline, archive.checkpoint(model), folder)
        shutil.rmtree(folder / "saved_model")
        (folder / "model.ckpt.meta").unlink()
        files.write_text(folder / LABELS, labels.to_text(names))


def with_post_processing_of(pipeline: Pipeline, other: Pipeline) -> Pipeline:
    """`pipeline`, with how `other` suppresses and how many detections it keeps."""
    changed = pipelines.copy(pipeline)
    ours, theirs = (getattr(one.model, pipelines.meta_architecture(one)) for one in (changed, other))
    name = "post_processing" if hasattr(ours, "post_processing") else "second_stage_post_processing"
    getattr(ours, name).CopyFrom(getattr(theirs, name))
    return changed
