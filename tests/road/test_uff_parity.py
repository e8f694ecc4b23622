"""A .uff file detects what the frozen graph detects that it was made from.

The file is executed by tests/uff_interpreter: NumPy, and the plugins as their open-source code defines them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from todus.bench import lifelike
from uff_interpreter import exported, interpreter, netron, parity, structure
from uff_interpreter.exported import Exported
from uff_interpreter.uff_file import Data, UffFile
from zoo import families

THRESHOLD = 0.3  # of exported.small_pipeline


def plain_v2() -> str:
    return families.SSD["ssdlite"].replace("use_depthwise: true", "")


PIPELINES = {
    "v1": families.SSD["ssd mobilenet v1"],
    "v2": plain_v2(),
    "ssdlite v2": families.SSD["ssdlite"],
    "inception v2": families.SSD["ssd inception v2"],
    "v3": families.SSD["ssd mobilenet v3"],
    "mobiledet": families.SSD["ssd mobiledet"],
}


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Exported]:
    """The exported detector of a name in PIPELINES, each made once."""

    @cache
    def made(name: str) -> Exported:
        images = lifelike.images(exported.MEASURED, exported.SIZE)
        return exported.export(exported.small_pipeline(PIPELINES[name]), images, tmp_path_factory.mktemp("exported"))

    return made


@pytest.fixture(params=PIPELINES)
def detector(request: pytest.FixtureRequest, exports: Callable[[str], Exported]) -> Exported:
    return exports(request.param)


@pytest.fixture
def v1(exports: Callable[[str], Exported]) -> Exported:
    return exports("v1")


def test_the_file_detects_what_the_graph_does(detector: Exported, tmp_path: Path) -> None:
    file = detector.converted()
    structure.require(file)
    pair = parity.compare(file, detector.frozen_graph, detector.images)
    parity.require_equal(pair, THRESHOLD)
    counts = [len(detections.scores) for detections in pair.wanted]
    assert max(counts) > 20
    assert min(counts) < pair.most, "every list is full: the threshold is not tested"
    if not netron.missing():
        check_with_netron(detector, tmp_path / "small.uff")


def check_with_netron(detector: Exported, path: Path) -> None:
    path.write_bytes(detector.convert())
    (read,) = netron.read(path)
    assert (read.format, read.graph, read.errors) == ("UFF v1", "main", [])
    assert read.imports == ["tensorflow_extension v1", "custom v1"]
    assert read.inputs == [f"Input float32[1,3,{exported.SIZE},{exported.SIZE}]"]
    assert read.outputs == ["MarkOutput_0 NMS"]
    assert ["NMS", "_NMS_TRT"] in read.nodes


@pytest.mark.skipif(netron.missing() is not None, reason=netron.missing() or "")
def test_netron_reads_the_files_for_every_tensorrt(v1: Exported, tmp_path: Path) -> None:
    for generation in ("trt5", "trt7", "trt8"):
        (tmp_path / f"{generation}.uff").write_bytes(v1.convert(generation))
    assert [read.errors for read in netron.read(*sorted(tmp_path.glob("*.uff")))] == [[], [], []]


@pytest.mark.parametrize("generation", ["trt5", "trt7", "trt8"])
def test_the_files_for_every_tensorrt_detect_the_same(v1: Exported, generation: str) -> None:
    parity.require_equal(parity.compare(v1.converted(generation), v1.frozen_graph, v1.images), THRESHOLD)


def test_a_threshold_of_one_s_own_drops_what_lies_below(v1: Exported) -> None:
    own = 0.6
    pair = parity.compare(v1.converted(threshold=own), v1.frozen_graph, v1.images)
    higher = [above(detections, own) for detections in pair.wanted]
    assert 0 < sum(len(d.scores) for d in higher) < sum(len(d.scores) for d in pair.wanted)
    assert not parity.differences(parity.Pair(pair.found, higher, pair.most), own)


def above(detections: interpreter.Detections, threshold: float) -> interpreter.Detections:
    kept = detections.scores > threshold
    return interpreter.Detections(detections.boxes[kept], detections.scores[kept], detections.classes[kept])


def attribute(name: str, value: object, node: str = "NMS") -> Callable[[UffFile], None]:
    def change(file: UffFile) -> None:
        fields = file.node(node).fields
        assert fields[name].value != value
        fields[name] = Data(fields[name].kind, value)

    return change


def anchors(name: str, value: object) -> Callable[[UffFile], None]:
    return attribute(name, value, node="MultipleGridAnchorGenerator")


def move_weights_on(file: UffFile) -> None:
    """By one number, in the head of the largest feature map."""
    (head,) = (n for n in file.nodes if n.id.startswith("BoxPredictor_0/BoxEnc") and n.operation == "Conv")
    kernel = file.node(head.inputs[1]).fields["values"].value
    blob = file.referenced[kernel].value
    file.referenced[kernel] = Data("blob", blob[4:] + blob[:4])


def swap_two_maps(file: UffFile) -> None:
    inputs = file.node("concat_box_conf").inputs
    assert inputs[3:5] != inputs[4:2:-1]
    inputs[3], inputs[4] = inputs[4], inputs[3]


CONTROLS = {
    "another smallest anchor": anchors("minSize_u_float", 0.22),
    "another largest anchor": anchors("maxSize_u_float", 0.9),
    "ratios in another order": anchors("aspectRatios_u_flist", [1.0, 2.0, 0.5, 0.3333, 3.0]),
    "a ratio of 0.33": anchors("aspectRatios_u_flist", [1.0, 2.0, 0.5, 3.0, 0.33]),
    "other variances": anchors("variance_u_flist", [0.2, 0.2, 0.1, 0.1]),
    "another overlap": attribute("nmsThreshold_u_float", 0.3),
    "a higher threshold": attribute("confidenceThreshold_u_float", 0.35),
    "logits for scores": attribute("confSigmoid_u_int", 0),
    "another background": attribute("backgroundLabelId_u_int", 1),
    "few candidates": attribute("topK_u_int", 3),
    "boxes for scores": attribute("inputOrder_u_ilist", [2, 0, 1]),
    "anchors for boxes": attribute("inputOrder_u_ilist", [1, 2, 0]),
    "one class less": attribute("numClasses_u_int", exported.CLASSES),
    "weights moved on": move_weights_on,
    "feature maps swapped": swap_two_maps,
}


@pytest.fixture(scope="module")
def wanted(exports: Callable[[str], Exported]) -> list[interpreter.Detections]:
    v1 = exports("v1")
    return parity.of_frozen_graph(v1.frozen_graph, v1.images)


@pytest.mark.parametrize("control", CONTROLS)
def test_a_file_that_is_slightly_wrong_is_told_from_a_right_one(control, v1: Exported, wanted) -> None:
    file = v1.converted()
    CONTROLS[control](file)
    try:
        found = [interpreter.detect(file, image) for image in v1.images]
    except ValueError as error:
        assert "asserts" in str(error)  # as TensorRT would
        return
    assert parity.differences(parity.Pair(found, wanted, 100), THRESHOLD)


def test_every_depthwise_convolution_has_the_multiplier_1(detector: Exported) -> None:
    """Whatever is written has no depthwise kernel of which nobody knows how TensorRT reads it."""
    file = detector.converted()
    for node in file.nodes:
        if node.operation == "Conv" and "number_groups" in node.fields:
            *_, channels, multiplier = file.node(node.inputs[1]).fields["shape"].value
            assert (channels, multiplier) == (node.fields["number_groups"].value, 1)
