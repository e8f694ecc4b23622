"""Frozen graphs and SavedModels as detectors: those of inference-graph/, and anybody's."""

from __future__ import annotations

from pathlib import Path

from todus import command, progress
from todus.coco import label_map
from todus.errors import UserError
from todus.evaluation import origin
from todus.evaluation.detectors import Detector
from todus.evaluation.graphs import class_names
from todus.evaluation.graphs.graph import Graph, require_file
from todus.exporting import inference_graph
from todus.layout import Model


def frozen_graph(model: Model, _: str) -> Graph:
    _require_exported(model, model.frozen_graph)
    categories = inference_graph.exported_labels(model)

    def open_it() -> Detector:
        from todus.evaluation import detectors

        return detectors.from_frozen_graph(model.frozen_graph, lambda _: categories)

    return Graph("exported", (model.frozen_graph, model.labels), open_it, _exported_from(model))


def saved_model(model: Model, _: str) -> Graph:
    _require_exported(model, model.saved_model)
    return _saved_model(model, model.saved_model, "saved-model", _exported_from(model))


def _require_exported(model: Model, what: Path) -> None:
    if not what.exists():
        raise UserError(f"{progress.shown(what)} is not there; run: {command.for_model('export', model)}")
    inference_graph.exported_labels(model)  # raises where it is of other categories


def _exported_from(model: Model) -> str:
    return model.export_source.read_text(encoding="utf-8").strip() if model.export_source.is_file() else ""


def any_frozen_graph(model: Model, path: Path) -> Graph:
    require_file(path)
    cut = label_map.read(model.label_map)

    def open_it() -> Detector:
        from todus.evaluation import detectors

        return detectors.from_frozen_graph(path, lambda count: class_names.of(path, count, cut))

    return Graph(origin.place(path, model), (path, class_names.beside(path) or model.label_map), open_it)


def any_saved_model(model: Model, path: Path) -> Graph:
    if not (path / "saved_model.pb").is_file():
        raise UserError(f"{path} is no SavedModel, which has a saved_model.pb; name another GRAPH")
    return _saved_model(model, path, origin.place(path, model))


def _saved_model(model: Model, folder: Path, name: str, weights: str = "") -> Graph:
    cut = label_map.read(model.label_map)

    def open_it() -> Detector:
        from todus.evaluation import detectors

        return detectors.from_saved_model(folder, lambda count: class_names.of(folder, count, cut))

    inside = sorted(path for path in folder.rglob("*") if path.is_file())
    return Graph(name, (*inside, class_names.beside(folder) or model.label_map), open_it, weights)
