"""Find an SSD's network in the frozen graph of the API's exporter: from the normalised image to the raw heads.

The names are those that the API has given its nodes from 2017 (the zoo's first archives) until today.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from todus.bridge.graph_mode import tf
from todus.converting.frozen_graph import FrozenGraph, inputs
from todus.converting.ssd_parameters import Size
from todus.errors import UserError

_HEAD = re.compile(r"BoxPredictor_(\d+)/(BoxEncodingPredictor|ClassPredictor)/BiasAdd")
_BOXES, _CLASSES = "BoxEncodingPredictor", "ClassPredictor"
_PREPROCESSOR = "Preprocessor/"
_INPUT = "Input"

# (name of a node begins with, what that tells)
_OTHERS = (
    ("WeightSharedConvolutionalBoxPredictor", "it has one predictor for all feature maps, as FPN and PPN have"),
    ("FirstStage", "it is a Faster R-CNN, R-FCN or Mask R-CNN"),
    ("SecondStage", "it is a Faster R-CNN, R-FCN or Mask R-CNN"),
)


@dataclass(frozen=True)
class Head:
    """Names of the nodes that give the raw output at one feature map.

    boxes: float32 [batch, height, width, anchors * 4].
    classes: float32 [batch, height, width, anchors * (1 + classes)].
    """

    boxes: str
    classes: str


@dataclass(frozen=True)
class FeatureMap:
    """What a head says of its feature map."""

    height: int
    width: int
    anchors: int
    class_count: int  # the background included

    @property
    def priors(self) -> int:
        return self.height * self.width * self.anchors


@dataclass(frozen=True)
class Network:
    """The part of the graph between image and heads.

    nodes: in the graph's order, without what they only wait for; those that take the image take `Input`, which is not
      among them.
    """

    nodes: list[tf.NodeDef]
    heads: list[Head]
    maps: list[FeatureMap]

    @property
    def class_count(self) -> int:
        """The background included."""
        return self.maps[0].class_count

    @property
    def priors(self) -> int:
        return sum(feature_map.priors for feature_map in self.maps)


def find(graph: FrozenGraph, size: Size) -> Network:
    """The network of an SSD that takes images of `size`.

    Raises:
      UserError: the graph is not that of an SSD with a predictor for each feature map, as the API's exporter writes it.
    """
    heads = find_heads(graph)
    nodes = _network(graph, heads)
    return Network(nodes, heads, _feature_maps(nodes, heads, size))


def find_heads(graph: FrozenGraph) -> list[Head]:
    found: dict[str, dict[int, str]] = {_BOXES: {}, _CLASSES: {}}
    for name in graph.nodes:
        if match := _HEAD.fullmatch(name):
            found[match[2]][int(match[1])] = name
    boxes, classes = found[_BOXES], found[_CLASSES]
    if not boxes or set(boxes) != set(classes) or set(boxes) != set(range(len(boxes))):
        raise _no_ssd(graph)
    for name in (*boxes.values(), *classes.values()):
        if not any(user.op == "Reshape" for user in graph.users(name)):
            raise UserError(f"what {name} gives is not reshaped but changed further; this graph is not of a known SSD")
    if not any(node.op.startswith(("NonMaxSuppression", "CombinedNonMaxSuppression")) for node in graph.nodes.values()):
        raise UserError(
            "the graph has no non-maximum suppression (a graph for TensorFlow Lite?); name the frozen graph that "
            "make export writes"
        )
    return [Head(boxes[index], classes[index]) for index in sorted(boxes)]


def _no_ssd(graph: FrozenGraph) -> UserError:
    for beginning, reason in _OTHERS:
        if any(name.startswith(beginning) for name in graph.nodes):
            remedy = "ONNX may be the way out: make convert-onnx"
            return UserError(f"this graph cannot be written as UFF: {reason}; {remedy}")
    return UserError("the graph has no heads of an SSD (BoxPredictor_0/...); name a detector that make export wrote")


def _network(graph: FrozenGraph, heads: list[Head]) -> list[tf.NodeDef]:
    """The nodes that the heads need, from the image on."""
    needed, images = set(), set()
    waiting = [name for head in heads for name in (head.boxes, head.classes)]
    while waiting:
        name = waiting.pop()
        if name.startswith(_PREPROCESSOR):
            images.add(name)
        elif name not in needed:
            needed.add(name)
            waiting.extend(inputs(graph.nodes[name]))
    _require_one_image(graph, needed, images)
    return [_renamed(node, images) for node in graph.definition.node if node.name in needed]


def _require_one_image(graph: FrozenGraph, needed: set[str], images: set[str]) -> None:
    outside = [name for name in sorted(needed) if graph.nodes[name].op.startswith("Placeholder")]
    count = len(outside) + len(images)
    if count > 1:
        names = ", ".join([*sorted(images), *outside])
        raise UserError(f"the network has {count} inputs ({names}); UFF is written for one, the image")
    if not images:
        raise UserError(
            "the graph does not prepare its image (no Preprocessor/); name the frozen graph that make export writes"
        )
    _require_known_normalisation(graph)


def _require_known_normalisation(graph: FrozenGraph) -> None:
    """Whoever feeds the network on the device has to do it instead."""
    constants = {}
    for node in graph.nodes.values():
        if node.name.startswith(_PREPROCESSOR) and node.op in ("Mul", "Sub") and "/map/" not in node.name:
            values = [value for name in inputs(node) if (value := graph.constant(name)) is not None and value.size == 1]
            constants.setdefault(node.op, []).extend(float(value) for value in values)
    if not (np.allclose(constants.get("Mul", [0]), 2 / 255) and np.allclose(constants.get("Sub", [0]), 1)):
        raise UserError(
            f"the graph normalises its pixels in a way that is not known ({constants or 'not at all'}), "
            "MobileNet and Inception do it by 2 / 255 * x - 1"
        )


def _renamed(node: tf.NodeDef, images: set[str]) -> tf.NodeDef:
    copy = tf.NodeDef()
    copy.CopyFrom(node)
    kept = [name for name in node.input if not name.startswith("^")]
    copy.input[:] = [_INPUT if name.split(":")[0] in images else name for name in kept]
    return copy


def _feature_maps(nodes: list[tf.NodeDef], heads: list[Head], size: Size) -> list[FeatureMap]:
    """What TensorFlow infers of the heads' shapes for one image of `size`."""
    definition = tf.GraphDef()
    definition.node.extend(nodes)
    with tf.Graph().as_default():
        image = tf.placeholder(tf.float32, [1, size.height, size.width, 3])
        names = [f"{name}:0" for head in heads for name in (head.boxes, head.classes)]
        try:
            tensors = tf.import_graph_def(definition, {f"{_INPUT}:0": image}, names)
        except ValueError as error:
            raise UserError(f"the graph cannot be read by this TensorFlow: {str(error).splitlines()[0]}") from None
    shapes = [tensor.shape.as_list() for tensor in tensors]
    return [_feature_map(*pair) for pair in zip(heads, shapes[::2], shapes[1::2], strict=True)]


def _feature_map(head: Head, boxes: list[int], classes: list[int]) -> FeatureMap:
    anchors = (boxes[3] or 0) // 4
    if None in boxes or None in classes or boxes[:3] != classes[:3] or boxes[3] % 4 or classes[3] % anchors:
        raise UserError(f"heads {head.boxes} {boxes} and {head.classes} {classes} do not belong together")
    return FeatureMap(boxes[1], boxes[2], anchors, classes[3] // anchors)
