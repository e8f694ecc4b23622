"""The graph that the parser takes, made from what today's exporter writes; and graphs that are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from converting import ssd_graphs
from converting.ssd_graphs import FAMILIES, INCEPTION, V1
from todus.bridge.graph_mode import tf
from todus.converting import frozen_graph, ssd_heads, uff, uff_report
from todus.converting.frozen_graph import FrozenGraph
from todus.converting.ssd_parameters import Size
from todus.errors import UserError

import graphsurgeon as gs
from uff.schema import MetaGraph

PRIORS = [6 * 6 * 3, 3 * 3 * 4, 2 * 2 * 4, 4, 4, 4]  # of an image of 96x96 with three ratios


@pytest.fixture(scope="module", params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    return request.param


def integers(meta: MetaGraph, node: str, field: str) -> list[int]:
    value = ssd_graphs.nodes(meta)[node].fields[field]
    return list(value.i_list.val) if value.HasField("i_list") else [value.i]


def blob(meta: MetaGraph, node: str) -> np.ndarray:
    return np.frombuffer(meta.referenced_data[f"weights_{node}"].blob, np.int32)


def test_it_goes_from_the_normalised_image_to_the_detections(family: str) -> None:
    meta = ssd_graphs.converted(family)
    nodes = ssd_graphs.nodes(meta)
    assert [node.id for node in nodes.values() if node.operation == "Input"] == ["Input"]
    assert integers(meta, "Input", "shape") == [1, 3, 96, 96]
    assert list(nodes["MarkOutput_0"].inputs) == ["NMS"]
    assert not [name for name in nodes if name.startswith(("Preprocessor", "Postprocessor", "image_tensor"))]
    uff_report.require_known(meta)


def test_the_heads_are_reshaped_to_constants_but_for_the_batch(family: str) -> None:
    meta = ssd_graphs.converted(family)
    nodes = ssd_graphs.nodes(meta)
    classes = ssd_graphs.pipeline(family).model.ssd.num_classes
    for index, priors in enumerate(PRIORS):
        scope = f"BoxPredictor_{index}"
        assert list(nodes[f"{scope}/Reshape"].inputs) == [f"{scope}/BoxEncodingPredictor/BiasAdd", f"{scope}/stack"]
        assert list(nodes[f"{scope}/Reshape_1"].inputs) == [f"{scope}/ClassPredictor/BiasAdd", f"{scope}/stack_1"]
        for stack, sizes in (("stack", [priors, 1, 4]), ("stack_1", [priors, classes + 1])):
            batch, *rest = nodes[f"{scope}/{stack}"].inputs
            assert batch == f"{scope}/strided_slice"
            assert np.concatenate([blob(meta, name) for name in rest]).tolist() == sizes
    assert list(nodes["concat_box_conf"].inputs) == [f"BoxPredictor_{index}/Reshape_1" for index in range(6)]


def test_plugins_are_told_what_pipeline_and_graph_say(family: str) -> None:
    meta = ssd_graphs.converted(family)
    classes = ssd_graphs.pipeline(family).model.ssd.num_classes
    anchors = ssd_graphs.nodes(meta)["MultipleGridAnchorGenerator"].fields
    assert list(anchors["featureMapShapes_u_ilist"].i_list.val) == [6, 3, 2, 1, 1, 1]
    assert list(anchors["aspectRatios_u_flist"].d_list.val) == [1, 2, 0.5]
    assert list(anchors["variance_u_flist"].d_list.val) == pytest.approx([0.1, 0.1, 0.2, 0.2])
    assert anchors["minSize_u_float"].d == pytest.approx(0.2)
    assert anchors["maxSize_u_float"].d == pytest.approx(0.95)
    assert integers(meta, "MultipleGridAnchorGenerator", "numLayers_u_int") == [6]
    assert integers(meta, "NMS", "numClasses_u_int") == [classes + 1]
    assert integers(meta, "NMS", "topK_u_int") == [sum(PRIORS)]
    assert integers(meta, "NMS", "keepTopK_u_int") == [min(4 * classes, sum(PRIORS))]


def test_input_order_names_boxes_classes_and_priors(family: str) -> None:
    for generation, of_boxes in (("trt7", "Squeeze"), ("trt8", "concat_box_loc")):
        meta = ssd_graphs.converted(family, generation)
        inputs = ssd_graphs.nodes(meta)["NMS"].inputs
        ordered = [inputs[place] for place in integers(meta, "NMS", "inputOrder_u_ilist")]
        assert ordered == [of_boxes, "concat_box_conf", "concat_priorbox"]


def test_generations_differ_in_what_their_plugins_take() -> None:
    made = {generation: ssd_graphs.nodes(ssd_graphs.converted(V1, generation)) for generation in uff.GENERATIONS}
    has_axis = {name: "axis_u_int" in nodes["concat_box_loc"].fields for name, nodes in made.items()}
    assert has_axis == {"trt5": False, "trt7": True, "trt8": True}
    has_bits = {name: "scoreBits_u_int" in nodes["NMS"].fields for name, nodes in made.items()}
    assert has_bits == {"trt5": False, "trt7": False, "trt8": True}
    assert {name: "Squeeze" in nodes for name, nodes in made.items()} == {"trt5": True, "trt7": True, "trt8": False}


def test_no_depthwise_convolution_multiplies_its_channels() -> None:
    nodes = ssd_graphs.nodes(ssd_graphs.converted(INCEPTION))
    assert not [node.id for node in nodes.values() if "number_groups" in node.fields]
    (first,) = [node for node in nodes.values() if "Input" in node.inputs]
    assert first.operation == "Conv"
    assert list(nodes[first.inputs[1]].fields["shape"].i_list.val)[:3] == [7, 7, 3]


# --- graphs that are refused ------------------------------------------------------------------------------------------


def refusal(definition: tf.GraphDef) -> str:
    """How the conversion of a changed v1 is refused."""
    with pytest.raises(UserError) as caught:
        content = uff.serialized(ssd_graphs.rewritten(definition, ssd_graphs.pipeline(V1)))
        uff_report.require_known(MetaGraph.FromString(content))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def changed(name: str, node: tf.NodeDef) -> tf.GraphDef:
    """V1 with another node in the place of `name`."""
    definition = ssd_graphs.frozen(V1)
    (there,) = [there for there in definition.node if there.name == name]
    there.CopyFrom(node)
    return definition


def first(op: str) -> tf.NodeDef:
    return next(node for node in ssd_graphs.frozen(V1).node if node.op == op and node.name.startswith("FeatureExt"))


def test_an_unknown_operation() -> None:
    node = first("Relu6")
    node.op = "Erf"
    assert refusal(changed(node.name, node)).startswith(f"UFF has no operation Erf ({node.name}), TensorRT would")


def test_fake_quantization() -> None:
    node = first("Relu6")
    node.op = "FakeQuantWithMinMaxArgs"
    assert refusal(changed(node.name, node)).endswith("train without QUANTIZE")


def test_several_inputs() -> None:
    name = "FeatureExtractor/MobilenetV1/Conv2d_0/BatchNorm/gamma"
    other = gs.create_node(name, op="Placeholder", dtype=tf.float32, shape=[8])
    assert "has 2 inputs" in refusal(changed(name, other)) and name in refusal(changed(name, other))


def test_no_suppression() -> None:
    definition = ssd_graphs.frozen(V1)
    kept = [node for node in definition.node if not node.op.startswith("CombinedNonMaxSuppression")]
    assert len(kept) == len(definition.node) - 1
    assert "no non-maximum suppression" in refusal(tf.GraphDef(node=kept))


def test_other_pixels() -> None:
    other = gs.create_node("Preprocessor/sub/y", op="Const", value=np.array(123.7, np.float32))
    assert "normalises its pixels in a way that is not known" in refusal(changed(other.name, other))


def test_a_pipeline_that_is_not_the_graph_s() -> None:
    pipeline = ssd_graphs.pipeline(V1)
    pipeline.model.ssd.anchor_generator.ssd_anchor_generator.aspect_ratios.append(3)
    with pytest.raises(UserError, match=r"\[3, 4, 4, 4, 4, 4\] anchors.*pipeline.config \[3, 5, 5, 5, 5, 5\]"):
        ssd_graphs.rewritten(ssd_graphs.frozen(V1), pipeline)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("WeightSharedConvolutionalBoxPredictor/Relu6", "FPN and PPN.*ONNX"),
        ("FirstStageBoxPredictor/Reshape", "Faster R-CNN.*ONNX"),
        ("dense/MatMul", "no heads of an SSD"),
    ],
)
def test_graphs_of_other_detectors(name: str, reason: str) -> None:
    graph = FrozenGraph(tf.GraphDef(node=[tf.NodeDef(name=name, op="Relu")]))
    with pytest.raises(UserError, match=reason):
        ssd_heads.find(graph, Size(96, 96))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "is not there; name another GRAPH"),
        (b"<html>not found</html>", "is not a TensorFlow graph"),
        (b"", "is not a frozen graph"),
        (tf.GraphDef(node=[tf.NodeDef(name="w", op="VariableV2")]).SerializeToString(), "w is still a variable"),
        (
            tf.GraphDef(node=[tf.NodeDef(name="y", op="Relu", input=["x:0"])]).SerializeToString(),
            "is not whole: y takes x, which is not there",
        ),
    ],
    ids=["missing", "another file", "empty", "not frozen", "a node is missing"],
)
def test_files_that_are_no_frozen_graph(content: bytes | None, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "graph.pb"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=reason):
        frozen_graph.load(path)
