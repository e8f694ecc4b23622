"""Which nodes are written and in which order: that of NVIDIA's converter, as its files show it."""

import pytest

import made_graph
import uff_parsed
from todus.bridge.graph_mode import tf

import uff


def order(graph, outputs):
    return [node.id for node in uff_parsed.converted(graph, outputs).graphs[0].nodes]


def test_readers_come_first_and_the_last_input_is_followed_first():
    graph = made_graph.nodes("""
        Placeholder a
        Relu b a
        Relu c a
        Add  d b c
    """)
    assert order(graph, ["d"]) == ["d", "c", "a", "b", "MarkOutput_0"]


def test_a_bias_comes_just_before_its_addition():
    def build():
        x = tf.placeholder(tf.float32, [1, 2], name="x")
        bias = tf.identity(tf.constant([1.0, 2.0], name="bias"), name="bias/read")
        tf.nn.bias_add(tf.nn.relu(x, name="relu"), bias, name="biased")

    assert order(made_graph.built(build), ["biased"]) == ["bias", "biased", "relu", "x", "MarkOutput_0"]


def test_a_bias_that_is_no_constant_is_an_input_like_others():
    graph = made_graph.nodes("Placeholder x\nPlaceholder bias\nBiasAdd biased x bias")
    assert order(graph, ["biased"]) == ["biased", "bias", "x", "MarkOutput_0"]


def test_a_shared_bias_is_written_once():
    def build():
        x = tf.placeholder(tf.float32, [1, 2], name="x")
        bias = tf.constant([1.0, 2.0], name="bias")
        tf.add(tf.nn.bias_add(x, bias, name="first"), tf.nn.bias_add(x, bias, name="second"), name="sum")

    assert order(made_graph.built(build), ["sum"]) == ["sum", "bias", "second", "x", "first", "MarkOutput_0"]


def test_identities_and_control_inputs_are_passed_over():
    graph = made_graph.nodes("""
        Placeholder a
        NoOp        late
        Identity    b    a:0 ^late
        Identity    c    b
        Relu        d    c ^late
        Identity    out  d
    """)
    meta = uff_parsed.converted(graph, ["out"])
    assert {node.id: list(node.inputs) for node in meta.graphs[0].nodes} == {"d": ["a"], "a": [], "MarkOutput_0": ["d"]}


def test_only_what_the_outputs_need_is_written():
    graph = made_graph.nodes("Placeholder a\nRelu b a\nUnheardOf c a")
    meta = uff_parsed.converted(graph, ["b"])
    assert [node.id for node in meta.graphs[0].nodes] == ["b", "a", "MarkOutput_0"]
    assert [descriptor.id for descriptor in meta.descriptors] == ["tensorflow_extension"]


def test_a_graph_may_have_several_inputs():
    def build():
        tf.add(tf.placeholder(tf.float32, [1], name="a"), tf.placeholder(tf.float32, [1], name="b"), name="sum")

    content = uff_parsed.converted(made_graph.built(build), ["sum"])
    assert [node.id for node in content.graphs[0].nodes if node.operation == "Input"] == ["b", "a"]


def test_every_output_is_marked():
    graph = made_graph.nodes("Placeholder a\nRelu b a\nRelu c a")
    meta = uff_parsed.converted(graph, ["b", "c"])
    marks = [(node.id, list(node.inputs)) for node in meta.graphs[0].nodes if node.operation == "MarkOutput"]
    assert marks == [("MarkOutput_0", ["b"]), ("MarkOutput_1", ["c"])]
    assert [node.id for node in meta.graphs[0].nodes][-2:] == ["MarkOutput_0", "MarkOutput_1"]


def test_what_is_the_same_in_every_file():
    meta = uff_parsed.converted(made_graph.nodes("Placeholder a"), ["a"])
    assert (meta.version, meta.descriptor_core_version, meta.graphs[0].id) == (1, 1, "main")
    assert [(d.id, d.version, d.optional) for d in meta.descriptors] == [("tensorflow_extension", 1, False)]
    assert not meta.extra_fields
    assert not meta.graphs[0].extra_fields


@pytest.mark.parametrize(
    ("graph", "outputs", "says"),
    [
        ("Relu a", ["b"], "the conversion reads b, which is not in the graph"),
        ("Relu a image_tensor:0", ["a"], "a reads image_tensor, which is not in the graph"),
        ("VariableV2 w\nIdentity w/read w\nRelu a w/read", ["a"], "w is a variable: the graph is not frozen"),
        ("VarHandleOp w\nReadVariableOp r w\nRelu a r", ["a"], "r is a variable: the graph is not frozen"),
        ("Unpack a\nRelu b a:1", ["b"], "b reads output 1 of a"),
        ("NoOp a\nNoOp b ^a", [], "the graph has no output"),
    ],
)
def test_what_cannot_be_converted_is_said_in_one_line(graph, outputs, says):
    with pytest.raises(uff.UffError) as raised:
        uff_parsed.converted(made_graph.nodes(graph), outputs)
    assert says in str(raised.value)
    assert "\n" not in str(raised.value)
