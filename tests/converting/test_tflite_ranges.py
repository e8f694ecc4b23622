"""Ranges of fake quantization: which layers lack them, and the graph without them."""

from __future__ import annotations

import numpy as np
import pytest

from todus.bridge.graph_mode import tf
from todus.converting import tflite_ranges
from todus.converting.frozen_graph import FrozenGraph


def two_layers(first: str = "both", second: str = "both") -> tf.GraphDef:
    """Two convolutions; each has ranges for `both` its weights and its output, for `weights`, `output`, or none."""
    with tf.Graph().as_default() as graph:
        value = tf.placeholder(tf.float32, [1, 4, 4, 2], name="image")
        for name, ranges in (("first", first), ("second", second)):
            weights = tf.constant(
                np.linspace(-1, 1, 8, dtype=np.float32).reshape(1, 1, 2, 4)[..., :2], name=f"{name}/w"
            )
            if ranges in ("both", "weights"):
                weights = tf.quantization.fake_quant_with_min_max_vars(weights, -1.0, 1.0, narrow_range=True)
            value = tf.nn.relu6(tf.nn.bias_add(tf.nn.conv2d(value, weights, 1, "SAME", name=name), [0.1, 0.2]))
            if ranges in ("both", "output"):
                value = tf.quantization.fake_quant_with_min_max_vars(value, 0.0, 6.0)
        tf.identity(value, name="out")
    return graph.as_graph_def()


def run(graph: tf.GraphDef, image: np.ndarray) -> np.ndarray:
    with tf.Graph().as_default(), tf.Session() as session:
        (out,) = tf.import_graph_def(graph, return_elements=["out:0"], name="")
        return session.run(out, {"image:0": image})


@pytest.mark.parametrize(
    ("ranges", "without"),
    [
        (("both", "both"), []),
        (("both", "weights"), ["second"]),
        (("output", "both"), ["first"]),
        (("none", "none"), ["first", "second"]),
    ],
)
def test_layers_without_ranges_are_found(ranges: tuple[str, str], without: list[str]) -> None:
    graph = FrozenGraph(two_layers(*ranges))
    assert tflite_ranges.layers_without(graph) == without
    assert tflite_ranges.are_there(graph) == (ranges != ("none", "none"))


def test_without_them_the_graph_computes_what_it_would_have_computed_in_floating_point() -> None:
    image = np.random.default_rng(0).uniform(-1, 1, (1, 4, 4, 2)).astype(np.float32)
    quantized, plain = two_layers(), two_layers("none", "none")
    assert not np.array_equal(run(quantized, image), run(plain, image)), "or the test shows nothing"
    np.testing.assert_array_equal(run(tflite_ranges.without(quantized), image), run(plain, image))
