"""Appending, forwarding and removing nodes."""

import pytest

import made_graph

import graphsurgeon as gs

NODES = """
    Placeholder image
    Const       weights
    Identity    read      weights
    Identity    twice     read
    Conv2D      conv      image twice:0
    Assert      check     image weights
    Identity    guarded   conv ^check
    Relu        out       guarded
    NoOp        late      ^read
"""


@pytest.fixture
def graph():
    return gs.DynamicGraph(made_graph.nodes(NODES))


def inputs(graph):
    return {node.name: list(node.input) for node in graph}


def test_appended_nodes_come_last_and_are_the_graphs_own(graph):
    first, second = gs.create_node("first", op="Relu", inputs="out"), gs.create_node("second", op="Relu")
    graph.append(first)
    graph.extend([second])
    second.input.append("first")
    assert [node.name for node in graph][-2:] == ["first", "second"]
    assert inputs(graph)["second"] == ["first"]


def test_a_name_is_there_once(graph):
    with pytest.raises(gs.GraphError, match="conv"):
        graph.append(gs.create_node("conv", op="Relu"))


def test_what_is_changed_in_a_node_is_changed_in_the_graph(graph):
    graph.find_nodes_by_name("conv")[0].input.remove("image")
    graph["out"].op = "Relu6"
    written = {node.name: node for node in graph.as_graph_def().node}
    assert list(written["conv"].input) == ["twice:0"]
    assert written["out"].op == "Relu6"


def test_forwarding_lets_readers_read_the_inputs(graph):
    graph.forward_inputs(graph.find_nodes_by_op("Identity"))
    assert inputs(graph) == {
        "image": [],
        "weights": [],
        "conv": ["image", "weights"],  # through two nodes
        "check": ["image", "weights"],
        "guarded": ["conv", "^check"],  # has a control input, and stays
        "out": ["guarded"],
        "late": ["^weights"],
    }


def test_forwarding_a_long_chain():
    chain = "\n".join(f"Identity i{k + 1} i{k}" for k in range(1500))
    graph = gs.DynamicGraph(made_graph.nodes(f"Placeholder i0\n{chain}\nAdd y i1500 i700 ^i3"))
    graph.forward_inputs(graph.find_nodes_by_op("Identity"))
    assert list(graph["y"].input) == ["i0", "i0", "^i0"]


def test_forwarding_a_loop_leaves_what_came_into_it():
    graph = gs.DynamicGraph(made_graph.nodes("Placeholder x\nMerge m x n\nNextIteration n m\nAdd y m n"))
    graph.forward_inputs(["m", "n"])
    assert list(graph["y"].input) == ["x", "x"]


def test_forwarding_what_is_read_twice_keeps_it_twice():
    graph = gs.DynamicGraph(made_graph.nodes("Placeholder x\nIdentity i x\nAdd a i i\nNeg y a"))
    graph.forward_inputs(["i", "a"])
    assert list(graph["y"].input) == ["x", "x"]


def test_forwarding_a_node_of_several_inputs_keeps_their_places(graph):
    graph.append(gs.create_node("last", op="AddN", inputs=["out", "conv", "late"]))
    graph.forward_inputs("conv")
    assert inputs(graph)["last"] == ["out", "image", "twice:0", "late"]


def test_removing_takes_a_node_out_of_its_readers(graph):
    graph.remove(graph.find_nodes_by_op("Assert"))
    assert "check" not in graph.node_map
    assert inputs(graph)["guarded"] == ["conv"]
    assert inputs(graph)["conv"] == ["image", "twice:0"]


@pytest.mark.parametrize("chosen", ["conv", ["conv"], lambda graph: graph["conv"], lambda graph: [graph["conv"]]])
def test_nodes_are_named_or_given_one_or_many(graph, chosen):
    graph.remove(chosen(graph) if callable(chosen) else chosen)
    assert "conv" not in graph.node_map
    assert "twice" in graph.node_map


def test_removing_what_only_removed_nodes_read(graph):
    graph.remove("check", remove_exclusive_dependencies=False)
    graph.remove(["out", "late"], remove_exclusive_dependencies=True)
    assert inputs(graph) == {}


def test_what_others_read_too_stays(graph):
    graph.remove("conv", remove_exclusive_dependencies=True)
    assert set(inputs(graph)) == {"image", "weights", "read", "check", "guarded", "out", "late"}


def test_removing_the_outputs(graph):
    graph.remove(graph.graph_outputs, remove_exclusive_dependencies=False)
    assert [node.name for node in graph.graph_outputs] == ["guarded"]
