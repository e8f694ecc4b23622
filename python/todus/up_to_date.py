"""Which evaluations, and whether the export, are of a model and its dataset as they are now.

Every cut is called model.ckpt-0, so a name does not tell.
"""

from __future__ import annotations

from todus import checkpoint, files
from todus.bridge import pipeline as pipelines
from todus.coco import label_map, labels, manifest
from todus.evaluation import origin, report
from todus.exporting import inference_graph
from todus.layout import Model
from todus.zoo import prepared


def evaluated(model: Model) -> dict[str, float | None]:
    """graph -> its AP, of what has been evaluated as it is now, on the images and categories of now."""
    truth = _ground_truth(model)
    return {
        graph: entry["summary"]["AP"]
        for graph, entry in report.read(model).items()
        if truth is not None
        and (entry.get("format"), entry.get("dataset"), entry.get("ground_truth")) == (report.FORMAT, *truth)
        and not entry["only"]
        and origin.is_unchanged(entry["made_of"], model)
    }


def is_exported(model: Model) -> bool:
    """Whether inference-graph/ is what an export of the newest checkpoint, or of the best, would be."""
    if not has_categories_of_now(model):
        return False
    prefixes = [checkpoint.newest(model.training), checkpoint.newest(model.best)]
    return any(prefix is not None and inference_graph.is_current(model, prefix) for prefix in prefixes)


def has_categories_of_now(model: Model) -> bool:
    return model.labels.is_file() and labels.read(model.labels) == label_map.read(model.label_map)


def _ground_truth(model: Model) -> tuple[str, str] | None:
    """What the present dataset evaluates on, as a report tells it; None if there is nothing to evaluate on."""
    dataset = prepared.dataset_of(pipelines.load(model.pipeline))
    made = manifest.read(dataset)
    if made is None or "val" not in made["splits"] or not dataset.annotations("val").is_file():
        return None
    return dataset.name, files.sha256(dataset.annotations("val"))
