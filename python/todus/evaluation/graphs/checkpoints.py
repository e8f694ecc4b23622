"""Checkpoints as detectors: of training/, the best one, those from elsewhere, and the zoo's own."""

from __future__ import annotations

from pathlib import Path

from todus import checkpoint, command
from todus.bridge import pipeline as pipelines
from todus.coco import label_map
from todus.evaluation import origin
from todus.evaluation.detectors import Detector
from todus.evaluation.graphs.graph import Graph
from todus.layout import Model
from todus.training.quantization import start
from todus.zoo import archive, pretrained
from todus.zoo import pipeline as zoo_pipeline


def of_training(model: Model, name: str) -> Graph:
    plain = str(command.expanded(name)) if "/" in name else name
    prefix = checkpoint.chosen(model.training, plain, f"run {command.for_model('model', model)}")
    folder = prefix.parent.resolve()
    if folder == model.training.resolve():
        return _weights_of(model, model.training / prefix.name, prefix.name)
    if folder == model.best.resolve():
        return _weights_of(model, model.best / prefix.name, checkpoint.BEST)
    prefix = folder / prefix.name
    return _weights_of(model, prefix, origin.place(prefix, model))


def best(model: Model, _: str) -> Graph:
    return of_training(model, checkpoint.BEST)


def of_the_zoo(model: Model, _: str) -> Graph:
    prefix = archive.checkpoint(model)

    def open_it() -> Detector:
        from todus.evaluation import detectors

        zoo = pipelines.load(model.zoo_pipeline)
        known = pretrained.categories(model, zoo_pipeline.detector(zoo).num_classes)
        return detectors.from_checkpoint(zoo, prefix, pretrained.called_as(known, label_map.read(model.label_map)))

    depends_on = (checkpoint.index(prefix), model.zoo_pipeline, model.label_map)
    return Graph("pretrained", depends_on, open_it, prefix.name, is_built=True)


def _weights_of(model: Model, prefix: Path, name: str) -> Graph:
    def open_it() -> Detector:
        from todus.evaluation import detectors

        return detectors.from_checkpoint(pipelines.load(model.pipeline), prefix, label_map.read(model.label_map))

    return Graph(
        name,
        (checkpoint.index(prefix), model.pipeline, model.label_map),
        open_it,
        prefix.name,
        is_built=True,
        complete=lambda: start.require_ranges(model, pipelines.load(model.pipeline), prefix),
    )
