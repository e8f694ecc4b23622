"""A depthwise convolution that multiplies channels and the 1x1 convolution after it are one convolution."""

from __future__ import annotations

import numpy as np
import pytest

from todus.bridge.graph_mode import tf
from todus.converting import depthwise_folding

IMAGE = np.random.default_rng(1).normal(size=[2, 13, 11, 3]).astype(np.float32)


def network(multiplier: int = 8, between: str = "", stride: int = 2, padding: str = "SAME", extra: bool = False):
    """The GraphDef of such a pair after `image`; its output is `pair`."""
    random = np.random.default_rng(2)
    with tf.Graph().as_default() as graph:
        image = tf.placeholder(tf.float32, [None, None, None, 3], name="image")
        kernel = tf.identity(tf.constant(random.normal(size=[7, 7, 3, multiplier]).astype(np.float32)))
        mixing = tf.constant(random.normal(size=[1, 1, 3 * multiplier, 5]).astype(np.float32))
        depthwise = tf.nn.depthwise_conv2d(image, kernel, [1, stride, stride, 1], padding, name="depthwise")
        hidden = tf.nn.relu(depthwise) if between == "relu" else tf.identity(depthwise)
        tf.nn.conv2d(hidden, mixing, [1, 1, 1, 1], "VALID", name="pair")
        if extra:
            tf.nn.relu(depthwise, name="extra")
    return graph.as_graph_def()


def operations(nodes: list[tf.NodeDef]) -> list[str]:
    return [node.op for node in nodes if node.op not in ("Const", "Identity")]


def run(nodes: list[tf.NodeDef]) -> np.ndarray:
    with tf.Graph().as_default(), tf.Session() as session:
        (pair,) = tf.import_graph_def(tf.GraphDef(node=nodes), return_elements=["pair:0"], name="")
        return session.run(pair, {"image:0": IMAGE})


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize("stride", [1, 2])
def test_the_one_convolution_gives_what_the_two_gave(padding: str, stride: int) -> None:
    nodes = list(network(padding=padding, stride=stride).node)
    folded = depthwise_folding.fold(nodes)
    assert operations(folded) == ["Placeholder", "Conv2D"]
    before, after = run(nodes), run(folded)
    assert before.std() > 1
    np.testing.assert_allclose(after, before, rtol=0, atol=1e-5 * before.std())


def test_nothing_is_left_of_the_pair() -> None:
    names = {node.name for node in network().node}
    left = {node.name for node in depthwise_folding.fold(list(network().node))}
    assert left - names == {"pair/folded_weights"}
    assert names - left == {"depthwise", "Identity", "Identity_1", "Const", "Const_1"}


@pytest.mark.parametrize(
    "options",
    [{"between": "relu"}, {"multiplier": 1}, {"extra": True}],
    ids=["something not linear between", "channels not multiplied", "the middle is used elsewhere"],
)
def test_other_pairs_are_left_alone(options: dict) -> None:
    nodes = list(network(**options).node)
    assert depthwise_folding.fold(nodes) == nodes


def test_the_order_of_channels_is_that_of_tensorflow() -> None:
    depthwise = np.arange(6, dtype=np.float32).reshape(1, 1, 3, 2)
    pointwise = np.zeros([1, 1, 6, 1], np.float32)
    pointwise[0, 0, 3] = 1  # channel 1, second of its two
    assert depthwise_folding.folded_kernel(depthwise, pointwise).ravel().tolist() == [0, 3, 0]
