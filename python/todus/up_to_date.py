"""Which evaluations, and whether the export, are of a model and its dataset as they are now.

Every cut is called model.ckpt-0, so a name does not tell.
"""

from __future__ import annotations

import json
from pathlib import Path

from todus import checkpoint
from todus.bridge import pipeline as pipelines
from todus.coco import label_map, labels, manifest
from todus.errors import UserError
from todus.exporting import inference_graph
from todus.layout import Model
from todus.zoo import prepared


def evaluated(model: Model) -> dict[str, float | None]:
    """graph -> its AP, of what has been evaluated as it is now, on the images and categories of now."""
    truth = _ground_truth(model)
    return {
        graph: entry["summary"]["AP"]
        for graph, entry in _report(model).items()
        if (entry.get("dataset"), entry.get("images"), set(entry.get("categories", ()))) == truth
        and _is_unchanged(graph, model)
    }


def is_exported(model: Model) -> bool:
    """Whether inference-graph/ is what an export of the newest checkpoint would be."""
    return has_categories_of_now(model) and inference_graph.is_current(model, checkpoint.newest(model.training))


def has_categories_of_now(model: Model) -> bool:
    return model.labels.is_file() and labels.read(model.labels) == label_map.read(model.label_map)


def _report(model: Model) -> dict:
    if not model.report.is_file():
        return {}
    try:
        return json.loads(model.report.read_text(encoding="utf-8"))
    except ValueError:
        raise UserError(f"{model.report} is damaged; delete it and evaluate again") from None


def _ground_truth(model: Model) -> tuple[str, int, set[str]] | None:
    """What the present dataset evaluates on, as far as a report tells; None if there is nothing to evaluate on."""
    dataset = prepared.dataset_of(pipelines.load(model.pipeline))
    made = manifest.read(dataset)
    if made is None or "val" not in made["splits"]:
        return None
    return dataset.name, made["splits"]["val"]["images"], set(label_map.read(dataset.label_map).ids)


def _is_unchanged(graph: str, model: Model) -> bool:
    """Whether `graph`, as the report calls it, has not been written anew since it was evaluated."""
    special = {"pretrained": model.zoo_pipeline, "exported": model.frozen_graph}
    places = [special[graph]] if graph in special else [model.training / f"{graph}.index", model.folder / graph]
    file, evaluated = next(filter(Path.is_file, places), None), model.detections(graph)
    return file is None or (evaluated.is_file() and file.stat().st_mtime <= evaluated.stat().st_mtime)
