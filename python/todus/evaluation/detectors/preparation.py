"""The part of a detector's graph that prepares an image for its network, run by itself.

Prepared images of any photographs have one size where the detector resizes to a fixed one, so that they can go through
the network together. The graph's own operations prepare them: nothing is imitated.

Source of the names: object_detection/meta_architectures, whose preprocess() maps over the images and gives the resized
images and their shapes without padding.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np

from todus.bridge.graph_mode import tf
from todus.converting.frozen_graph import FrozenGraph, inputs

IMAGE = "image_tensor"
_PREPARED = "Preprocessor/map/TensorArrayStack/TensorArrayGatherV3"
_TRUE_SHAPES = "Preprocessor/map/TensorArrayStack_1/TensorArrayGatherV3"


class Fetch:
    """A list of tensors to fetch in a session, with what is fed.

    TensorFlow optimises the graph for a list when it is first run, and once for each thread that comes before it is
    done; so the first run goes alone.
    """

    def __init__(self, session: tf.Session, fetches: Sequence[tf.Tensor]):
        self._session, self._fetches = session, list(fetches)
        self._first, self._is_ready = threading.Lock(), False

    def run(self, feeds: dict[tf.Tensor, np.ndarray]) -> list[np.ndarray]:
        if not self._is_ready:
            with self._first:
                if not self._is_ready:
                    found = self._session.run(self._fetches, feeds)
                    self._is_ready = True
                    return found
        return self._session.run(self._fetches, feeds)


class Preparation:
    """Prepares images with the graph's own operations.

    images: the tensor in the detector's graph that holds prepared images, float32 [batch, height, width, 3].
    true_shapes: the one that holds their shapes without padding, int32 [batch, 3].
    has_fixed_size: whether all prepared images have one size.
    """

    def __init__(self, graph: tf.Graph, definition: tf.GraphDef):
        own = tf.Graph()
        with own.as_default():
            tf.import_graph_def(tf.graph_util.extract_sub_graph(definition, [_PREPARED, _TRUE_SHAPES]), name="")
        self.images = graph.get_tensor_by_name(f"{_PREPARED}:0")
        self.true_shapes = graph.get_tensor_by_name(f"{_TRUE_SHAPES}:0")
        self._image = own.get_tensor_by_name(f"{IMAGE}:0")
        self._session = tf.Session(graph=own)
        self._fetch = Fetch(self._session, [own.get_tensor_by_name(f"{n}:0") for n in (_PREPARED, _TRUE_SHAPES)])
        self.has_fixed_size = element_shape(self.images.op.node_def).is_fully_defined()

    def run(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Prepare one image, uint8 [height, width, 3]: float32 [height, width, 3], and its shape without padding."""
        prepared, shapes = self._fetch.run({self._image: image[np.newaxis]})
        return prepared[0], shapes[0]

    def close(self) -> None:
        self._session.close()


def element_shape(gathered: tf.NodeDef) -> tf.TensorShape:
    """The shape of each of the values that a loop has gathered, as far as the graph tells it."""
    return tf.TensorShape(gathered.attr["element_shape"].shape if "element_shape" in gathered.attr else None)


def separable(graph: FrozenGraph, outputs: Sequence[str]) -> bool:
    """Whether `outputs` depend on the image through the prepared images and their shapes only."""
    if any(name not in graph.nodes for name in (_PREPARED, _TRUE_SHAPES, *outputs)):
        return False
    before = _needed(graph, [_PREPARED, _TRUE_SHAPES], stop=set())
    after = _needed(graph, outputs, stop={_PREPARED, _TRUE_SHAPES})
    return _fed(graph, before) == {IMAGE} and not _fed(graph, after)


def _needed(graph: FrozenGraph, names: Sequence[str], stop: set[str]) -> set[str]:
    """The nodes that `names` are computed from, themselves included, no further back than `stop`."""
    needed: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in needed and name not in stop:
            needed.add(name)
            waiting.extend(inputs(graph.nodes[name]))
    return needed


def _fed(graph: FrozenGraph, names: set[str]) -> set[str]:
    return {name for name in names if graph.nodes[name].op.startswith("Placeholder")}
