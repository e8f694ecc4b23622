"""Random weights under which what a detector says depends on the image, for detectors of every family.

The zoo's weights cannot be fetched in a test or a benchmark. Freshly initialised ones will not do: batch norms that
know nothing of their inputs' statistics let the signal die away or explode within a few layers, and a head of tiny
weights says the same of every anchor. Whatever compares two detectors then passes for nothing. So here every batch norm
is given the statistics that it has on a batch of images, and the heads are scaled until their outputs spread.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from todus.bridge.detection_model import DetectionGraph
from todus.bridge.graph_mode import tf

LOGITS_SPREAD, BOXES_SPREAD = 2.0, 0.5
_NO_STATISTICS = "no_statistics"


@dataclass(frozen=True)
class Said:
    """What a detector says of a batch of images; shapes as in DetectionGraph."""

    boxes: np.ndarray
    logits: np.ndarray
    scores: np.ndarray
    outputs: dict[str, np.ndarray]


def images(count: int, size: int, seed: int = 5) -> np.ndarray:
    """Coarse and fine random patterns, uint8 [count, size, size, 3]."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 200, [count, 6, 6, 3]).repeat(-(-size // 6), 1).repeat(-(-size // 6), 2)
    return (coarse[:, :size, :size] + random.integers(0, 56, [count, size, size, 3])).astype(np.uint8)


def variables(graph: DetectionGraph, batch: np.ndarray, seed: int = 3) -> dict[str, np.ndarray]:
    """Random weights for a detector, measured on `batch`, uint8 [n, height, width, 3]; global_step included."""
    random = np.random.default_rng(seed)
    with graph.graph.as_default():
        shapes = {v.op.name: v.shape.as_list() for v in tf.global_variables() if v.op.name != "global_step"}
    values = {name: _drawn(name, shape, random) for name, shape in sorted(shapes.items())}
    statistics, logits, boxes = _measure(graph, values, batch)
    values.update(statistics)
    for name in values:
        if _ends(name, "weights") and _is_head(name, ("ClassPredictor", "class_predictions")):
            values[name] *= LOGITS_SPREAD / logits
        if _ends(name, "weights") and _is_head(name, ("BoxEncodingPredictor", "refined_locations", "BoxPredictor")):
            values[name] *= BOXES_SPREAD / boxes
    return {**values, "global_step": np.zeros([], np.int64)}


def _drawn(name: str, shape: list[int], random: np.random.Generator) -> np.ndarray:
    last = name.rpartition("/")[2]
    if last in ("gamma", "moving_variance"):
        return np.ones(shape, np.float32)
    if last == "moving_mean":
        return np.zeros(shape, np.float32)
    if last in ("beta", "biases"):
        return random.normal(0, 0.3, shape).astype(np.float32)
    inputs = np.prod(shape[:2] if last == "depthwise_weights" else shape[:-1])
    return random.normal(0, np.sqrt(2 / max(1, inputs)), shape).astype(np.float32)


def _ends(name: str, kind: str) -> bool:
    return name.endswith((f"/{kind}", f"/pointwise_{kind}"))


def _is_head(name: str, layers: tuple[str, ...]) -> bool:
    return name.split("/")[-2] in layers and not name.startswith("FirstStage")


def _measure(graph: DetectionGraph, values: dict, batch: np.ndarray) -> tuple[dict[str, np.ndarray], float, float]:
    """Mean and variance before each batch norm by the names of its variables; spread of class logits and of boxes."""
    measuring, outputs = _measuring_graph(graph, values)
    with measuring.as_default(), _session() as session:
        load(session, measuring, values)
        fetches = {"statistics": outputs, "logits": graph.class_logits.name, "boxes": graph.box_encodings.name}
        found = session.run(fetches, {graph.image_tensor.name: batch})
    return found["statistics"], float(found["logits"].std()), float(found["boxes"].std())


def _measuring_graph(graph: DetectionGraph, names: Iterable[str]) -> tuple[tf.Graph, dict[str, str]]:
    """A copy of an inference graph, up to its heads, whose batch norms use their own batch; their statistics, by
    variable."""
    with graph.graph.as_default():
        tf.constant([], tf.float32, name=_NO_STATISTICS)
    wanted = [_NO_STATISTICS, graph.class_logits.op.name, graph.box_encodings.op.name, *(f"{n}/Assign" for n in names)]
    definition = tf.graph_util.extract_sub_graph(graph.graph.as_graph_def(), wanted)
    statistics = {}
    for node in definition.node:
        if node.op.startswith("FusedBatchNorm"):
            scope = node.input[2].removesuffix("/read").rpartition("/")[0]
            node.attr["is_training"].b = True
            node.input[3:5] = [_NO_STATISTICS, _NO_STATISTICS]
            statistics |= {f"{scope}/moving_mean": f"{node.name}:1", f"{scope}/moving_variance": f"{node.name}:2"}
    copy = tf.Graph()
    with copy.as_default():
        tf.import_graph_def(definition, name="")
    return copy, statistics


def _session() -> tf.Session:
    """A session that does not optimise the graph first: each graph here is run once."""
    config = tf.ConfigProto()
    config.graph_options.rewrite_options.disable_meta_optimizer = True
    return tf.Session(config=config)


def load(session: tf.Session, graph: tf.Graph, values: dict[str, np.ndarray]) -> None:
    """Give the variables of `graph` these values in a session."""
    assigned = {name: graph.get_operation_by_name(f"{name}/Assign") for name in values}
    session.run(list(assigned.values()), {assigned[name].inputs[1]: value for name, value in values.items()})


def say(graph: DetectionGraph, values: dict[str, np.ndarray], batch: np.ndarray) -> Said:
    """What the detector with these weights says of the images `batch`, uint8 [n, height, width, 3]."""
    with graph.graph.as_default(), _session() as session:
        load(session, graph.graph, {name: value for name, value in values.items() if name != "global_step"})
        fetches = [graph.box_encodings, graph.class_logits, graph.class_scores, graph.outputs]
        return Said(*session.run(fetches, {graph.image_tensor: batch}))
