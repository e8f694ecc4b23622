"""What GRAPH names: which detector of a model is meant."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from todus import checkpoint, command
from todus.errors import UserError
from todus.evaluation.detectors import Detector
from todus.evaluation.graphs import checkpoints, converted, exported
from todus.evaluation.graphs.graph import Graph
from todus.layout import Model


def open_detector(model: Model, graph: str, checkpoint_name: str = "") -> tuple[str, Detector]:
    """What the report calls the detector that `graph` means, and the detector. See find()."""
    found = find(model, graph, checkpoint_name)
    found.complete()
    return found.name, found.open()


def find_all(model: Model, text: str, checkpoint_name: str = "") -> list[Graph]:
    """The graphs that GRAPH names, separated by spaces, each once. See find()."""
    words = [text] if command.expanded(text).exists() else text.split()
    found = [find(model, word, checkpoint_name) for word in words or [""]]
    return list({graph.name: graph for graph in found}.values())


def find(model: Model, graph: str, checkpoint_name: str = "") -> Graph:
    """The detector that the user calls `graph`.

    Args:
      graph: "" for a checkpoint of training/ (the newest unless `checkpoint_name` says which), a name in NAMED, a
        checkpoint (`300`, `model.ckpt-300` or a path), or the path of a file or folder of a kind in KINDS.

    Raises:
      UserError: it is not there.
    """
    if graph in NAMED:
        return NAMED[graph](model, checkpoint_name)
    path = command.expanded(graph).resolve()
    if path.suffix and path.suffix in KINDS and not path.is_dir():
        return KINDS[path.suffix](model, path)
    if graph.isdecimal() or path.name.startswith(checkpoint.PREFIX):
        return checkpoints.of_training(model, graph)
    if path.is_dir():
        return KINDS[""](model, path)
    if not path.exists():
        raise UserError(f"there is no graph {graph}; GRAPH takes {', '.join(filter(None, NAMED))}, or a path")
    raise UserError(f"{path} is no file of a kind that can be evaluated; these are {_kinds()}")


def _kinds() -> str:
    return ", ".join(f"{suffix} files" if suffix else "folders with a saved_model.pb" for suffix in KINDS)


# What GRAPH can name. A verb that leaves another form of the model puts a function of its own here: it is given the
# model and CHECKPOINT.
NAMED: dict[str, Callable[[Model, str], Graph]] = {
    "": checkpoints.of_training,
    "training": checkpoints.of_training,
    "checkpoint": checkpoints.of_training,
    "best": checkpoints.best,
    "pretrained": checkpoints.of_the_zoo,
    "exported": exported.frozen_graph,
    "inference-graph": exported.frozen_graph,
    "saved-model": exported.saved_model,
    "tflite": converted.tflite,
    "onnx": converted.onnx,
}

# Files of anybody's, by how their names end; "" is a folder.
KINDS: dict[str, Callable[[Model, Path], Graph]] = {
    ".pb": exported.any_frozen_graph,
    "": exported.any_saved_model,
    ".tflite": converted.any_tflite,
    ".onnx": converted.any_onnx,
}
