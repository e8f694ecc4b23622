"""Config scripts in the style that people have published run as they are: their plugins at the top of the file, a map
of namespaces, and a function that changes the graph."""

import pytest

import made_graph
import uff_parsed
from converting import ssd_graphs

import uff
from uff.graph import is_custom

PLUGINS = """
import graphsurgeon as gs
import tensorflow as tf

Input = gs.create_node("Input", op="Placeholder", dtype=tf.float32, shape=[1, 3, 8, 8])
PriorBox = gs.create_plugin_node(
    name="GridAnchor",
    op="GridAnchor_TRT",
    numLayers=2,
    minSize=0.2,
    maxSize=0.95,
    aspectRatios=[1.0, 2.0, 0.5],
    variance=[0.1, 0.1, 0.2, 0.2],
    featureMapShapes=[4, 2],
)
NMS = gs.create_plugin_node(
    name="NMS",
    op="NMS_TRT",
    shareLocation=1,
    varianceEncodedInTarget=0,
    backgroundLabelId=0,
    confidenceThreshold=0.25,
    nmsThreshold=0.5,
    topK=100,
    keepTopK=100,
    numClasses=2,
    inputOrder=[0, 2, 1],
    confSigmoid=1,
    isNormalized=1,
)
concat_priorbox = gs.create_node("concat_priorbox", op="ConcatV2", dtype=tf.float32, axis=2)
concat_box_loc = gs.create_plugin_node("concat_box_loc", op="FlattenConcat_TRT", dtype=tf.float32, axis=1)
concat_box_conf = gs.create_plugin_node("concat_box_conf", op="FlattenConcat_TRT", dtype=tf.float32, axis=1)

namespace_plugin_map = {
    "MultipleGridAnchorGenerator": PriorBox,
    "Postprocessor": NMS,
    "Preprocessor": Input,
    "ToFloat": Input,
    "image_tensor": Input,
    "MultipleGridAnchorGenerator/Concatenate": concat_priorbox,
    "MultipleGridAnchorGenerator/Identity": concat_priorbox,
    "concat": concat_box_loc,
    "concat_1": concat_box_conf,
}
"""

REMOVING = """
def preprocess(dynamic_graph):
    # Collapse, drop what detects nothing, and take out what the plugins do not read.
    dynamic_graph.collapse_namespaces(namespace_plugin_map)
    dynamic_graph.remove(dynamic_graph.graph_outputs, remove_exclusive_dependencies=False)
    dynamic_graph.find_nodes_by_op("NMS_TRT")[0].input.remove("Input")
    dynamic_graph.find_nodes_by_name("Input")[0].input.remove("image_tensor:0")
"""

FORWARDING = """
def preprocess(graph):
    all_assert_nodes = graph.find_nodes_by_op("Assert")
    graph.remove(all_assert_nodes, remove_exclusive_dependencies=True)
    all_identity_nodes = graph.find_nodes_by_op("Identity")
    graph.forward_inputs(all_identity_nodes)
    graph.collapse_namespaces(namespace_plugin_map)
    graph.remove(graph.graph_outputs, remove_exclusive_dependencies=False)
    if "Input" in list(graph.find_nodes_by_op("NMS_TRT")[0].input):
        graph.find_nodes_by_op("NMS_TRT")[0].input.remove("Input")
    if "image_tensor:0" in list(graph.find_nodes_by_name("Input")[0].input):
        graph.find_nodes_by_name("Input")[0].input.remove("image_tensor:0")
    # TensorRT wants the squeezed boxes themselves.
    squeezes = [node for node in graph.find_node_inputs(graph.find_nodes_by_op("NMS_TRT")[0]) if node.op == "Squeeze"]
    graph.forward_inputs(squeezes)
"""

ANCHOR_INPUT = """
import numpy as np

def preprocess(graph):
    graph.remove(
        graph.find_nodes_by_path("Preprocessor/map/TensorArrayStack_1/TensorArrayGatherV3"),
        remove_exclusive_dependencies=False,
    )
    graph.collapse_namespaces(namespace_plugin_map)
    graph.remove(graph.graph_outputs, remove_exclusive_dependencies=False)
    graph.find_nodes_by_name("Input")[0].input.remove("image_tensor:0")
    data = np.array([1, 1], dtype=np.float32)
    anchor_input = gs.create_node("AnchorInput", "Const", value=data)
    graph.append(anchor_input)
    graph.find_nodes_by_op("GridAnchor_TRT")[0].input.insert(0, "AnchorInput")
"""


@pytest.fixture
def graph():
    """As the zoo's graphs of early 2018: the input is read with its output number."""
    graph_def = made_graph.ssd()
    for node in graph_def.node:
        if node.name == "ToFloat":
            node.input[0] = "image_tensor:0"
    return graph_def


@pytest.fixture
def convert(graph, tmp_path):
    def run(script, outputs=("NMS",)):
        path = tmp_path / "config.py"
        path.write_text(script)
        return uff_parsed.nodes(uff_parsed.converted(graph, list(outputs), preprocessor=str(path)))

    return run


@pytest.mark.parametrize(
    ("script", "suppressed"),
    [
        (REMOVING, ["Squeeze", "concat_priorbox", "concat_box_conf"]),
        (FORWARDING, ["concat_box_loc", "concat_priorbox", "concat_box_conf"]),
        (ANCHOR_INPUT, ["Squeeze", "concat_priorbox", "concat_box_conf"]),
    ],
)
def test_a_public_script(convert, script, suppressed):
    nodes = convert(PLUGINS + script)
    assert list(nodes["NMS"].inputs) == suppressed
    assert list(nodes["concat_box_loc"].inputs) == ["BoxPredictor_0/Reshape", "BoxPredictor_1/Reshape"]
    assert list(nodes["concat_box_conf"].inputs) == ["BoxPredictor_0/Reshape_1", "BoxPredictor_1/Reshape_1"]
    assert list(nodes["concat_priorbox"].inputs) == ["GridAnchor"]
    assert list(nodes["Input"].inputs) == []
    assert list(nodes["FeatureExtractor/MobilenetV1/Conv2d_0/Conv2D"].inputs) == [
        *("Input", "FeatureExtractor/MobilenetV1/Conv2d_0/weights")
    ]
    assert not any(name.startswith(("Postprocessor", "Preprocessor", "detection", "add")) for name in nodes)


def test_a_public_script_on_a_graph_of_the_api(tmp_path):
    """Its newer exports have other names, and loops whose parts are read at all their outputs."""
    path = tmp_path / "config.py"
    newer = PLUGINS.replace('"ToFloat"', '"Cast"').replace('"MultipleGridAnchorGenerator/Concatenate"', '"Concatenate"')
    path.write_text(newer + FORWARDING)
    graph = ssd_graphs.frozen(ssd_graphs.V1)
    nodes = uff_parsed.nodes(uff_parsed.converted(graph, ["NMS"], preprocessor=path))
    assert list(nodes["NMS"].inputs) == ["concat_box_loc", "concat_priorbox", "concat_box_conf"]
    assert list(nodes["concat_box_loc"].inputs) == [f"BoxPredictor_{k}/Reshape" for k in range(6)]
    assert list(nodes["concat_box_conf"].inputs) == [f"BoxPredictor_{k}/Reshape_1" for k in range(6)]
    assert {node.operation for node in nodes.values() if is_custom(node)} == {
        *("_NMS_TRT", "_GridAnchor_TRT", "_FlattenConcat_TRT")
    }


def test_the_constant_anchor_input_is_written(convert):
    nodes = convert(PLUGINS + ANCHOR_INPUT)
    assert nodes["GridAnchor"].inputs[0] == "AnchorInput"
    assert uff_parsed.fields(nodes["AnchorInput"])["shape"] == ("i_list", [2])


def test_the_plugins_have_the_fields_of_the_script(convert):
    nodes = convert(PLUGINS + REMOVING)
    assert nodes["NMS"].operation == "_NMS_TRT"
    assert uff_parsed.fields(nodes["NMS"]) == {
        "backgroundLabelId_u_int": ("i", 0),
        "confSigmoid_u_int": ("i", 1),
        "confidenceThreshold_u_float": ("d", 0.25),
        "inputOrder_u_ilist": ("i_list", [0, 2, 1]),
        "isNormalized_u_int": ("i", 1),
        "keepTopK_u_int": ("i", 100),
        "nmsThreshold_u_float": ("d", 0.5),
        "numClasses_u_int": ("i", 2),
        "shareLocation_u_int": ("i", 1),
        "topK_u_int": ("i", 100),
        "varianceEncodedInTarget_u_int": ("i", 0),
    }
    fields = uff_parsed.fields(nodes["GridAnchor"])
    assert fields["maxSize_u_float"] == ("d", 0.949999988079071)
    assert uff_parsed.fields(nodes["Input"])["shape"] == ("i_list", [1, 3, 8, 8])
    assert uff_parsed.fields(nodes["concat_priorbox"]) == {"axis": ("i", 2)}
    assert uff_parsed.fields(nodes["concat_box_loc"]) == {
        "axis_u_int": ("i", 1),
        "dtype": ("dtype", "DT_FLOAT32"),
    }


def test_a_script_can_be_run_again(convert):
    assert convert(PLUGINS + REMOVING) == convert(PLUGINS + REMOVING)


def test_a_script_may_import_its_neighbours(convert, tmp_path):
    (tmp_path / "uff_test_plugins.py").write_text(PLUGINS)
    assert "NMS" in convert("from uff_test_plugins import *\n" + REMOVING)


def test_the_outputs_are_found_after_the_script(convert):
    assert "MarkOutput_0" in convert(PLUGINS + FORWARDING, outputs=())
    assert "MarkOutput_1" not in convert(PLUGINS + FORWARDING, outputs=())


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("def preprocessing(graph):\n    pass\n", r"config\.py defines no function preprocess\(dynamic_graph\)"),
        ("def preprocess(graph:\n", r"config\.py failed: SyntaxError: "),
        ("def preprocess(graph):\n    graph['NMS']\n", r"config\.py failed in line 2: KeyError: 'NMS'"),
        ("import sys\n\ndef preprocess(graph):\n    sys.exit(0)\n", r"config\.py failed in line 4: SystemExit: 0$"),
        ("raise SystemExit('not\\ntoday')\n", r"config\.py failed in line 1: SystemExit: not today$"),
        ("import nothing_of_this_name\n", r"config\.py failed in line 1: ModuleNotFoundError: "),
        (PLUGINS + REMOVING + "    dynamic_graph['NMS'].input.remove('Input')\n", r"config\.py failed in line \d+: "),
        (
            "def preprocess(graph):\n    graph.append(graph[0])\n",
            "failed in line 2: GraphError: .* already",
        ),
    ],
)
def test_a_script_that_fails_is_said_in_one_line(convert, script, says):
    with pytest.raises(uff.UffError, match=says) as raised:
        convert(script)
    assert "\n" not in str(raised.value)


def test_the_line_is_said_for_a_script_in_the_current_folder_too(graph, tmp_path, monkeypatch):
    (tmp_path / "config.py").write_text("def preprocess(graph):\n    graph['NMS']\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(uff.UffError, match=r"^config\.py failed in line 2: KeyError: 'NMS'$"):
        uff.from_tensorflow(graph, ["NMS"], "config.py", quiet=True)


def test_a_script_that_is_not_there(graph, tmp_path):
    with pytest.raises(uff.UffError, match=r"there is no config script .*nowhere\.py"):
        uff.from_tensorflow(graph, ["NMS"], tmp_path / "nowhere.py", quiet=True)
