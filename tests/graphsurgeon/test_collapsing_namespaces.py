"""Namespaces become plugins, with the inputs that files of NVIDIA's converter show and that public scripts count on."""

import pytest

import made_graph

import graphsurgeon as gs

# The order in which the zoo's graphs of early 2018 hold what matters here.
V1 = """
    Placeholder image_tensor
    Cast    ToFloat                       image_tensor:0
    Shape   Preprocessor/map/Shape        ToFloat
    Sub     Preprocessor/sub              ToFloat
    Relu6   FeatureExtractor/Relu6        Preprocessor/sub
    Shape   Shape                         FeatureExtractor/Relu6
    Slice   strided_slice_6               Shape
    Slice   strided_slice_7               Shape
    Reshape BoxPredictor_0/Reshape        FeatureExtractor/Relu6
    Reshape BoxPredictor_0/Reshape_1      FeatureExtractor/Relu6
    Concat  concat                        BoxPredictor_0/Reshape concat/axis
    Const   concat/axis
    Squeeze Squeeze                       concat
    Concat  concat_1                      BoxPredictor_0/Reshape_1 concat_1/axis
    Const   concat_1/axis
    Cast    MultipleGridAnchorGenerator/ToFloat    strided_slice_6
    Cast    MultipleGridAnchorGenerator/ToFloat_1  strided_slice_7
    Cast    MultipleGridAnchorGenerator/ToFloat_2  strided_slice_6
    Concat  MultipleGridAnchorGenerator/Concatenate/concat    MultipleGridAnchorGenerator/ToFloat
    Identity MultipleGridAnchorGenerator/Identity             MultipleGridAnchorGenerator/Concatenate/concat
    Cast    Postprocessor/ToFloat         Preprocessor/map/Shape
    Unpack  Postprocessor/unstack         Squeeze
    Tile    Postprocessor/Tile            MultipleGridAnchorGenerator/Identity Postprocessor/unstack:1
    Sigmoid Postprocessor/convert_scores  concat_1
    NMS     Postprocessor/nms             Postprocessor/Tile Postprocessor/convert_scores ^Postprocessor/ToFloat
    Add     add                           Postprocessor/nms:2
    Identity detection_boxes              Postprocessor/nms
    Identity detection_classes            add
"""
# What the map is of in scripts for v1; those for v2 have "Concatenate" instead of the nested namespace.
OWNERS = {
    "image_tensor": "Input",
    "ToFloat": "Input",
    "Preprocessor": "Input",
    "MultipleGridAnchorGenerator": "GridAnchor",
    "MultipleGridAnchorGenerator/Concatenate": "concat_priorbox",
    "MultipleGridAnchorGenerator/Identity": "concat_priorbox",
    "Postprocessor": "NMS",
    "concat": "concat_box_loc",
    "concat_1": "concat_box_conf",
}
OPERATIONS = {"Input": "Placeholder", "GridAnchor": "GridAnchor_TRT", "NMS": "NMS_TRT", "concat_priorbox": "ConcatV2"}


def namespace_map(owners):
    plugins = {name: gs.create_node(name, op=OPERATIONS.get(name, "FlattenConcat_TRT")) for name in owners.values()}
    return {namespace: plugins[name] for namespace, name in owners.items()}


def collapsed(text=V1, owners=OWNERS, **options):
    graph = gs.DynamicGraph(made_graph.nodes(text))
    assert graph.collapse_namespaces(namespace_map(owners), **options) is None
    return graph


def inputs(graph):
    return {node.name: list(node.input) for node in graph}


def test_the_inputs_of_every_plugin_and_their_order():
    found = inputs(collapsed())
    assert found["Input"] == ["image_tensor:0"]
    assert found["GridAnchor"] == ["strided_slice_6", "strided_slice_7"]
    assert found["concat_priorbox"] == ["GridAnchor"]
    assert found["concat_box_loc"] == ["BoxPredictor_0/Reshape"]
    assert found["concat_box_conf"] == ["BoxPredictor_0/Reshape_1"]
    assert found["NMS"] == ["Input", "Squeeze", "concat_priorbox", "concat_box_conf"]


def test_readers_of_a_namespace_read_its_plugin():
    found = inputs(collapsed())
    assert found["FeatureExtractor/Relu6"] == ["Input"]
    assert found["Squeeze"] == ["concat_box_loc"]
    assert found["add"] == ["NMS"]
    assert found["detection_boxes"] == ["NMS"]


def test_nothing_of_a_namespace_stays():
    assert set(inputs(collapsed())) == set(OWNERS.values()) | {
        *("FeatureExtractor/Relu6", "Shape", "strided_slice_6", "strided_slice_7", "Squeeze"),
        *("BoxPredictor_0/Reshape", "BoxPredictor_0/Reshape_1", "add", "detection_boxes", "detection_classes"),
    }


def test_what_scripts_in_public_use_do_next():
    graph = collapsed()
    graph.remove(graph.graph_outputs, remove_exclusive_dependencies=False)
    graph.find_nodes_by_op("NMS_TRT")[0].input.remove("Input")
    graph.find_nodes_by_name("Input")[0].input.remove("image_tensor:0")
    assert inputs(graph)["NMS"] == ["Squeeze", "concat_priorbox", "concat_box_conf"]
    assert inputs(graph)["Input"] == []


def test_the_order_is_that_of_the_nodes_in_the_graph():
    """The zoo's v2 converts the scores before it decodes the boxes."""
    lines = V1.strip().splitlines()
    moved = [line for line in lines if "convert_scores" in line.split()[1]]
    rest = [line for line in lines if line not in moved]
    text = "\n".join([*rest[:20], *moved, *rest[20:]])
    assert inputs(collapsed(text))["NMS"] == ["concat_box_conf", "Input", "Squeeze", "concat_priorbox"]


def test_scripts_that_forward_identities_first_keep_the_suppression():
    graph = gs.DynamicGraph(made_graph.nodes(V1))
    graph.forward_inputs(graph.find_nodes_by_op("Identity"))
    graph.collapse_namespaces(namespace_map(OWNERS))
    graph.remove(graph.graph_outputs, remove_exclusive_dependencies=False)
    assert inputs(graph)["NMS"] == ["Input", "Squeeze", "concat_priorbox", "concat_box_conf"]
    assert [node.name for node in graph.graph_outputs] == ["NMS"]


def test_what_was_removed_before_is_no_input():
    graph = gs.DynamicGraph(made_graph.nodes(V1))
    graph.remove(graph.find_nodes_by_path("Preprocessor/map/Shape"))
    graph.collapse_namespaces(namespace_map(OWNERS))
    assert inputs(graph)["NMS"] == ["Squeeze", "concat_priorbox", "concat_box_conf"]


def test_excluded_nodes_stay_beside_the_plugin():
    for excluded in (["Preprocessor/map/Shape"], "Preprocessor/map/Shape"):
        found = inputs(collapsed(exclude_nodes=excluded))
        assert found["Preprocessor/map/Shape"] == ["Input"]
        assert found["NMS"][0] == "Preprocessor/map/Shape"


def test_inputs_need_not_be_unique():
    found = inputs(collapsed(unique_inputs=False))
    assert found["GridAnchor"] == ["strided_slice_6", "strided_slice_7", "strided_slice_6"]


def test_inputs_that_a_plugin_has_come_first():
    plugin = gs.create_plugin_node("GridAnchor", op="GridAnchor_TRT", inputs=["AnchorInput"])
    graph = gs.DynamicGraph(made_graph.nodes(V1))
    graph.collapse_namespaces({"MultipleGridAnchorGenerator": plugin})
    assert inputs(graph)["GridAnchor"] == ["AnchorInput", "strided_slice_6", "strided_slice_7"]


def test_a_key_is_a_whole_part_of_the_path():
    found = inputs(collapsed(owners={"concat": "concat_box_loc", "Post": "NMS"}))
    assert {"concat_1", "concat_1/axis", "Postprocessor/nms"} <= set(found)
    assert "NMS" not in found


def test_a_plugin_may_have_the_name_of_its_namespace():
    found = inputs(collapsed(owners={"concat": "concat", "MultipleGridAnchorGenerator": "MultipleGridAnchorGenerator"}))
    assert found["concat"] == ["BoxPredictor_0/Reshape"]
    assert found["Squeeze"] == ["concat"]
    assert found["Postprocessor/Tile"] == ["MultipleGridAnchorGenerator", "Postprocessor/unstack:1"]


def test_a_plugin_may_not_have_the_name_of_a_node_that_stays():
    with pytest.raises(gs.GraphError, match="Squeeze"):
        collapsed(owners={"concat": "Squeeze"})
