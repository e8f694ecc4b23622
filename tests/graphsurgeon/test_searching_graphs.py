"""Finding nodes, and reading and writing graphs."""

import pytest

import made_graph
from todus.bridge.graph_mode import tf

import graphsurgeon as gs

NODES = """
    Placeholder image
    Const       unit/weights
    Identity    unit/weights/read  unit/weights
    Conv2D      unit/conv          image unit/weights/read
    Relu6       unit/relu          unit/conv
    Split       split              unit/relu
    Relu6       a.b                split:1
    NoOp        init               ^unit/conv
    Add         add                a.b unit/relu
"""


@pytest.fixture
def graph():
    return gs.StaticGraph(made_graph.nodes(NODES))


def names(nodes):
    return [node.name for node in nodes]


def test_nodes_by_position_and_by_name(graph):
    assert graph[0].name == "image"
    assert graph[-1].name == "add"
    assert graph["split"].op == "Split"
    assert len(graph) == 9 == len(list(graph)) == len(graph.node_map)
    with pytest.raises(KeyError, match="nowhere"):
        graph["nowhere"]


def test_readers_of_every_node(graph):
    readers = {name: names(nodes) for name, nodes in graph.node_outputs.items()}
    assert readers["unit/relu"] == ["split", "add"]
    assert readers["split"] == ["a.b"]  # at its second output
    assert readers["unit/conv"] == ["unit/relu", "init"]  # a control input
    assert readers["add"] == []


def test_likely_inputs_and_outputs(graph):
    assert names(graph.graph_inputs) == ["image"]
    assert names(graph.graph_outputs) == ["add"]


def test_finding_by_name_and_by_path(graph):
    assert names(graph.find_nodes_by_name("add")) == ["add"]
    assert names(graph.find_nodes_by_name("unit")) == []  # no part of a name
    assert names(graph.find_nodes_by_name(["add", "image"])) == ["image", "add"]  # in the graph's order
    assert names(graph.find_nodes_by_name("unit/(conv|relu)")) == ["unit/conv", "unit/relu"]
    assert names(graph.find_nodes_by_path("unit/weights.*")) == ["unit/weights", "unit/weights/read"]
    assert names(graph.find_nodes_by_path("a.b")) == ["a.b"]
    assert graph.find_nodes_by_path("unit(") == []


def test_finding_by_operation(graph):
    assert names(graph.find_nodes_by_op("Relu6")) == ["unit/relu", "a.b"]
    assert names(graph.find_nodes_by_op({"Split", "Const"})) == ["unit/weights", "split"]


def test_finding_inputs(graph):
    convolution = graph["unit/conv"]
    assert names(graph.find_node_inputs(convolution)) == ["image", "unit/weights/read"]
    assert names(graph.find_node_inputs_by_op(convolution, "Identity")) == ["unit/weights/read"]
    assert names(graph.find_node_inputs_by_name(convolution, "im.*")) == ["image"]
    assert names(graph.find_node_inputs(graph["a.b"])) == ["split"]


def test_finding_chains(graph):
    chains = graph.find_node_chains_by_op(["Conv2D", "Relu6", {"Add", "Split"}])
    assert [names(chain) for chain in chains] == [
        ["unit/conv", "unit/relu", "split"],
        ["unit/conv", "unit/relu", "add"],
    ]
    assert graph.find_node_chains_by_op(["Relu6", "Conv2D"]) == []
    assert graph.find_node_chains_by_op([]) == []


def test_a_written_graph_reads_back(graph, tmp_path):
    graph.write(tmp_path / "graph.pb")
    for again in (gs.StaticGraph(tmp_path / "graph.pb"), gs.DynamicGraph(str(tmp_path / "graph.pb"))):
        assert again.as_graph_def() == graph.as_graph_def()
    other = gs.StaticGraph()
    other.read(tmp_path / "graph.pb")
    assert names(other) == names(graph)


def test_text_graphs_are_read(graph, tmp_path):
    (tmp_path / "graph.pbtxt").write_text(str(graph.as_graph_def()))
    assert gs.StaticGraph(tmp_path / "graph.pbtxt").as_graph_def() == graph.as_graph_def()


def test_functions_and_versions_stay():
    original = made_graph.built(
        lambda: tf.raw_ops.StatelessIf(
            cond=True,
            input=[1.0],
            Tout=[tf.float32],
            then_branch=_function.get_concrete_function(),
            else_branch=_function.get_concrete_function(),
        )
    )
    assert original.library.function
    assert gs.DynamicGraph(original).as_graph_def() == original


@tf.function(input_signature=[tf.TensorSpec([], tf.float32)])
def _function(x):
    return x + 1


def test_graphs_come_in_many_forms(graph):
    with tf.Graph().as_default() as other:
        tf.constant(1.0, name="one")
    assert names(gs.StaticGraph(other)) == ["one"]
    assert names(gs.DynamicGraph(graph)) == names(graph)
    assert names(gs.StaticGraph()) == []


def test_a_graph_is_a_copy(graph):
    copy = gs.DynamicGraph(graph)
    copy["add"].op = "Sub"
    copy.remove("split")
    assert graph["add"].op == "Add"
    assert "split" in graph.node_map
    assert list(graph["a.b"].input) == ["split:1"]


def test_tensorboard_gets_the_graph(graph, tmp_path):
    graph.write_tensorboard(tmp_path / "logs")
    (file,) = (tmp_path / "logs").iterdir()
    events = list(tf.train.summary_iterator(str(file)))
    assert tf.GraphDef.FromString(events[-1].graph_def) == graph.as_graph_def()


@pytest.mark.parametrize("content", [b"", b"hello, this is no graph", b"\xff" * 40])
def test_what_is_no_graph_is_refused(content, tmp_path):
    (tmp_path / "not.pb").write_bytes(content)
    with pytest.raises(gs.GraphError, match=r"not\.pb holds no TensorFlow graph"):
        gs.StaticGraph(tmp_path / "not.pb")


def test_two_nodes_of_one_name_are_refused():
    with pytest.raises(gs.GraphError, match="same name"):
        gs.StaticGraph(made_graph.nodes("Relu a\nRelu a"))
