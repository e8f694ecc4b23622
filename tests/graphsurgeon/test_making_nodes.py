"""Nodes that stand in for plugins, inputs and constants."""

import numpy as np
import pytest

from todus.bridge.graph_mode import tf

import graphsurgeon as gs


def test_a_placeholder_is_one_that_tensorflow_takes():
    node = gs.create_node("Input", op="Placeholder", dtype=tf.float32, shape=[1, 3, None, -1])
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(gs_graph(node), name="")
    placeholder = graph.get_tensor_by_name("Input:0")
    assert placeholder.dtype == tf.float32
    assert placeholder.shape.as_list() == [1, 3, None, None]


@pytest.mark.parametrize("array", [np.array([1, 1], np.float32), np.array(7, np.int32), np.zeros((2, 0), np.float32)])
def test_an_array_makes_a_constant_that_tensorflow_takes(array):
    node = gs.create_node("AnchorInput", op="Const", value=array)
    with tf.Graph().as_default() as graph, tf.Session() as session:
        tf.import_graph_def(gs_graph(node), name="")
        value = session.run(graph.get_tensor_by_name("AnchorInput:0"))
    assert value.dtype == array.dtype
    assert np.array_equal(value, array)


def test_an_array_is_the_value_whatever_it_is_called():
    assert gs.create_node("c", op="Const", data=np.ones(2)).attr.keys() == {"value", "dtype"}


def test_inputs_are_nodes_and_names_mixed():
    first = gs.create_node("first", op="Relu")
    assert list(gs.create_node("both", op="Add", inputs=[first, "second:1"]).input) == ["first", "second:1"]
    assert list(gs.create_node("one", op="Relu", inputs="first").input) == ["first"]


def test_without_an_operation_the_name_is_it():
    assert gs.create_node("Relu").op == "Relu"
    assert gs.create_plugin_node("NMS_TRT").op == "NMS_TRT"


@pytest.mark.parametrize("dtype", [tf.float32, np.float32, np.dtype("float32"), "float32", 1])
def test_dtypes_come_in_many_forms(dtype):
    assert gs.create_node("x", op="Placeholder", dtype=dtype).attr["dtype"].type == 1


def test_attributes_of_plugins_end_in_their_kind():
    node = gs.create_plugin_node(
        "GridAnchor",
        op="GridAnchor_TRT",
        dtype=tf.float32,
        shape=[1],
        numLayers=6,
        minSize=0.5,
        featureMapShapes=[19, 10],
        aspectRatios=[1, 0.5],
        mode="half",
        isNormalized=True,
    )
    attributes = {name: value.WhichOneof("value") for name, value in node.attr.items()}
    assert attributes == {
        "dtype": "type",
        "shape": "shape",
        "numLayers_u_int": "i",
        "minSize_u_float": "f",
        "featureMapShapes_u_ilist": "list",
        "aspectRatios_u_flist": "list",
        "mode_u_str": "s",
        "isNormalized_u_int": "i",
    }
    assert list(node.attr["featureMapShapes_u_ilist"].list.i) == [19, 10]
    assert list(node.attr["aspectRatios_u_flist"].list.f) == [1.0, 0.5]
    assert node.attr["isNormalized_u_int"].i == 1
    same = gs.create_node("GridAnchor", "GridAnchor_TRT", True, numLayers=6)
    assert same.attr["numLayers_u_int"].i == 6


def test_attributes_of_other_nodes_keep_their_names():
    node = gs.create_node("concat_priorbox", op="ConcatV2", axis=2, names=["a", "b"], flags=[True], keep=False)
    assert node.attr["axis"].i == 2
    assert list(node.attr["names"].list.s) == [b"a", b"b"]
    assert list(node.attr["flags"].list.b) == [True]
    assert node.attr["keep"].WhichOneof("value") == "b"


@pytest.mark.parametrize("kind", [">f4", ">i4", "<f4", ">f2"])
def test_arrays_of_either_byte_order_keep_their_values(kind):
    node = gs.create_node("c", op="Const", value=np.array([[1, 2], [3, 4]], kind))
    assert tf.make_ndarray(node.attr["value"].tensor).tolist() == [[1, 2], [3, 4]]


def test_numbers_of_numpy_are_numbers():
    node = gs.create_plugin_node("P", op="P_TRT", count=np.int64(3), size=np.float32(0.5), sizes=list(np.ones(2)))
    assert node.attr["count_u_int"].i == 3
    assert node.attr["size_u_float"].f == 0.5
    assert list(node.attr["sizes_u_flist"].list.f) == [1.0, 1.0]


def test_updating_a_node_keeps_what_is_not_given():
    node = gs.create_node("bn", op="FusedBatchNormV3", inputs=["x"], epsilon=0.5, data_format="NHWC")
    assert gs.update_node(node, op="FusedBatchNorm", epsilon=0.25) is node
    assert (node.name, node.op, list(node.input)) == ("bn", "FusedBatchNorm", ["x"])
    assert node.attr["epsilon"].f == 0.25
    assert node.attr["data_format"].s == b"NHWC"


@pytest.mark.parametrize("value", [None, object(), [1, "a"], {"a": 1}])
def test_an_attribute_of_another_kind_is_refused(value):
    with pytest.raises(gs.GraphError, match=r"^P: attribute size="):
        gs.create_plugin_node("P", op="P_TRT", size=value)


def test_lists_of_text_have_no_suffix_and_are_refused_in_plugins():
    with pytest.raises(gs.GraphError, match="names"):
        gs.create_plugin_node("P", op="P_TRT", names=["a"])


def test_no_type_is_refused():
    with pytest.raises(gs.GraphError, match="float33"):
        gs.create_node("x", op="Placeholder", dtype="float33")


def gs_graph(*nodes):
    graph = gs.DynamicGraph()
    graph.extend(nodes)
    return graph.as_graph_def()
