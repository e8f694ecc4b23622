"""A frozen graph or SavedModel in a plain session: it takes the image as it is, and gives its own outputs."""

from __future__ import annotations

import numpy as np

from todus.benchmark.programs import Job
from todus.bridge.graph_mode import tf
from todus.converting import frozen_graph
from todus.converting.frozen_graph import FrozenGraph, inputs

_IMAGE = "image_tensor"
_OUTPUTS = ("detection_boxes", "detection_classes", "detection_scores", "num_detections")
_POST_PROCESSING = "Postprocessor/"  # the scope of an SSD's. Source: object_detection/meta_architectures
_LAYERS = {"Conv2D", "DepthwiseConv2dNative", "MatMul"}


class TensorFlowProgram:
    def __init__(self, job: Job):
        options = tf.ConfigProto(intra_op_parallelism_threads=job.threads, inter_op_parallelism_threads=1)
        graph = tf.Graph()
        self._session = tf.Session(graph=graph, config=options)
        with graph.as_default():
            if job.path.is_dir():
                tf.saved_model.loader.load(self._session, [tf.saved_model.SERVING], str(job.path))
            else:
                tf.import_graph_def(frozen_graph.load(job.path).definition, name="")
        self._outputs = [f"{name}:0" for name in _OUTPUTS]
        # As operations: their values stay where they are, as they do when post-processing takes them.
        self._heads = [graph.get_operation_by_name(name) for name in heads(FrozenGraph(graph.as_graph_def()))]
        self.can_stop_at_heads = bool(self._heads)

    def whole(self, image: np.ndarray) -> list[np.ndarray]:
        return self._session.run(self._outputs, {f"{_IMAGE}:0": image[np.newaxis]})

    def heads(self, image: np.ndarray) -> None:
        self._session.run(self._heads, {f"{_IMAGE}:0": image[np.newaxis]})


def heads(graph: FrozenGraph) -> list[str]:
    """The nodes that an SSD's post-processing takes from the network: box encodings and class predictions.

    None of a detector with two stages, which suppresses proposals half-way.
    """
    taken = {
        name
        for node in graph.nodes.values()
        if node.name.startswith(_POST_PROCESSING)
        for name in inputs(node)
        if not name.startswith(_POST_PROCESSING)
    }
    return sorted(name for name in taken if _is_of_network(graph, name))


def _is_of_network(graph: FrozenGraph, name: str) -> bool:
    """Whether the values of `name` are computed by layers. (Anchors may be by the shapes of what they give.)"""
    waiting, seen = [name], set()
    while waiting:
        node = graph.nodes[waiting.pop()]
        if node.op in _LAYERS:
            return True
        if node.name not in seen and node.op != "Shape":
            seen.add(node.name)
            waiting.extend(inputs(node))
    return False
