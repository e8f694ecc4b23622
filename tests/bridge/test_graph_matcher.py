"""Subgraphs are found by the types of their operations."""

from __future__ import annotations

import pytest

from todus.bridge.graph_matcher import GraphMatcher, OneofPattern, OpTypePattern
from todus.bridge.graph_mode import tf


@pytest.fixture
def graph() -> tf.Graph:
    """relu(x * 2 + x) and tanh(3 - x), and the halves of a split."""
    with tf.Graph().as_default() as graph:
        x = tf.placeholder(tf.float32, [2], name="x")
        tf.nn.relu(tf.add(tf.multiply(x, 2.0, name="product"), x, name="sum"), name="relu")
        tf.tanh(tf.subtract(3.0, x, name="difference"), name="tanh")
        _, second = tf.split(x, 2, name="halves")
        tf.exp(second, name="exp")
    return graph


def names(graph: tf.Graph, pattern: OpTypePattern) -> list[str]:
    return [match.get_op(pattern).name for match in GraphMatcher(pattern).match_graph(graph)]


def test_an_operation_matches_by_its_type(graph):
    assert names(graph, OpTypePattern("Relu")) == ["relu"]
    assert names(graph, OpTypePattern("Relu|Tanh")) == ["relu", "tanh"]
    assert names(graph, OpTypePattern("Rel")) == []
    assert len(names(graph, OpTypePattern("*"))) == len(graph.get_operations())


def test_a_pattern_reaches_back_to_the_inputs(graph):
    product = OpTypePattern("Mul")
    total = OpTypePattern("AddV2", inputs=[product, "Placeholder"])
    match = next(iter(GraphMatcher(OpTypePattern("Relu", inputs=[total])).match_graph(graph)))
    assert (match.get_op(product).name, match.get_op(total).name) == ("product", "sum")
    assert match.get_tensor(product).name == "product:0"
    assert match.get_op(OpTypePattern("Mul")) is None, "another pattern, though it says the same"


def test_inputs_have_an_order_unless_told_otherwise(graph):
    backwards = ["Placeholder", "Mul"]
    assert names(graph, OpTypePattern("AddV2", inputs=backwards)) == []
    assert names(graph, OpTypePattern("AddV2", inputs=backwards, ordered_inputs=False)) == ["sum"]
    assert names(graph, OpTypePattern("AddV2", inputs=["Mul"])) == []


def test_the_first_of_several_patterns_counts(graph):
    relu, anything = OpTypePattern("Relu"), OpTypePattern("*")
    match = GraphMatcher(OneofPattern([relu, anything])).match_op(graph.get_operation_by_name("relu"))
    assert (match.get_op(relu).name, match.get_op(anything)) == ("relu", None)


def test_the_tensor_of_a_match_is_the_output_that_is_taken(graph):
    split = OpTypePattern("Split")
    match = GraphMatcher(OpTypePattern("Exp", inputs=[split])).match_op(graph.get_operation_by_name("exp"))
    assert match.get_tensor(split).name == "halves:1"


def test_the_api_finds_it_where_contrib_had_it():
    from object_detection import exporter

    assert exporter.graph_matcher.OpTypePattern is OpTypePattern
