"""What convert-tflite makes of a graph: types, order of outputs, metadata, and the check that has to fail."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from pathlib import Path

import flatbuffers.table
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from todus.bridge import tflite_exporter
from todus.bridge.graph_mode import tf
from todus.coco.label_map import LabelMap
from todus.converting import tflite_check, tflite_conversion, tflite_file, tflite_metadata
from todus.converting.tflite_check import DisagreementError
from todus.converting.tflite_runner import Runner
from todus.demo import zoo_archive
from todus.errors import UserError
from todus.exporting import tflite_graph
from todus.exporting.tflite_facts import Facts
from todus.exporting.tflite_graph import Settings
from zoo import families

CATEGORIES = LabelMap({1: "dog", 3: "traffic light"})  # with a hole, as COCO's ids have them
LABELS = ["dog", "???", "traffic light"]
PIXELS = np.random.default_rng(0).integers(0, 256, (1, 128, 128, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> tuple[tf.GraphDef, Facts]:
    """An FPN with heads of a real spread, so that another image gives another output."""
    pipeline = families.pipeline(families.SSD["fpn"])
    pipeline.model.ssd.num_classes = 3
    for hyperparams in (
        pipeline.model.ssd.feature_extractor.conv_hyperparams,
        pipeline.model.ssd.box_predictor.weight_shared_convolutional_box_predictor.conv_hyperparams,
    ):
        hyperparams.initializer.truncated_normal_initializer.stddev = 0.3
    facts = tflite_graph.facts_of(pipeline, CATEGORIES, Settings(max_detections=20), "model.ckpt-7")
    prefix = tmp_path_factory.mktemp("fpn") / "model.ckpt"
    zoo_archive.random_checkpoint(pipeline, prefix, seed=1)
    return tflite_exporter.frozen_graph(pipeline, prefix, tflite_graph.post_processing(facts)), facts


@pytest.fixture(scope="module")
def converted(source: tuple):
    made: dict[str, bytes] = {}

    def convert(kind: str) -> bytes:
        if kind not in made:
            graph, facts = source
            seen = [(PIXELS - 127.5) / 127.5, (255 - PIXELS - 127.5) / 127.5]
            bare = tflite_conversion.convert(graph, facts, kind, lambda: ([image] for image in seen))
            made[kind] = tflite_file.dress(bare, "detector", facts)
        return made[kind]

    return convert


@pytest.mark.parametrize("kind", ["float32", "float16", "dynamic", "int8"])
def test_it_computes_what_the_graph_computes_on_any_image(kind: str, source: tuple, converted) -> None:
    graph, facts = source
    for pixels in (PIXELS, 255 - PIXELS):
        distance = tflite_check.require_agreement(graph, converted(kind), facts, kind, pixels)
        assert distance.largest <= tflite_check.TOLERANCES[kind]
    runner = Runner(converted(kind))
    first, second = (runner(pixels)[2] for pixels in (PIXELS, 255 - PIXELS))
    assert np.abs(first - second).max() > 0.01, "outputs depend on the image, or all of this shows nothing"


@pytest.mark.parametrize("kind", ["float32", "int8"])
def test_a_file_that_computes_something_else_is_refused(kind: str, source: tuple, converted) -> None:
    graph, facts = source
    changed = tf.GraphDef.FromString(graph.SerializeToString())
    weights = next(
        n for n in changed.node if n.op == "Const" and n.name.endswith("MobilenetV1/Conv2d_1_pointwise/weights")
    )
    values = tf.make_ndarray(weights.attr["value"].tensor)
    weights.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(values[..., ::-1]))
    with pytest.raises(DisagreementError, match=r"disagrees with its graph") as raised:
        tflite_check.require_agreement(changed, converted(kind), facts, kind, PIXELS)
    assert raised.value.exit_status == 1


def test_outputs_are_boxes_classes_scores_and_count_in_this_order(converted) -> None:
    interpreter = Interpreter(model_content=converted("float32"))
    interpreter.allocate_tensors()
    details = interpreter.get_output_details()
    names = [f"TFLite_Detection_PostProcess{suffix}" for suffix in ("", ":1", ":2", ":3")]
    assert [detail["name"] for detail in details] == names
    assert [detail["shape"].tolist() for detail in details] == [[1, 20, 4], [1, 20], [1, 20], [1]]
    (image,) = interpreter.get_input_details()
    interpreter.set_tensor(image["index"], (PIXELS - 127.5) / 127.5)
    interpreter.invoke()
    boxes, classes, scores, count = (interpreter.get_tensor(detail["index"]) for detail in details)
    n = int(count[0])
    assert n > 0 and set(classes[0, :n]) <= {0, 1, 2}
    assert (np.diff(scores[0, :n]) <= 0).all() and scores[0, n - 1] >= 0 and scores[0, 0] <= 1
    assert (boxes[0, :n, 2:] >= boxes[0, :n, :2]).all(), "ymin, xmin, ymax, xmax"


def test_regular_suppression_loses_class_n_with_n_threads_and_fast_does_not(source: tuple) -> None:
    """Why NMS=fast is the default (tensorflow/tensorflow#56058). If this fails, the runtime has been mended."""
    graph = tf.GraphDef.FromString(source[0].SerializeToString())
    seen = {}
    for is_regular in (True, False):
        (operation,) = [node for node in graph.node if node.op == tflite_exporter.POST_PROCESS]
        operation.attr["use_regular_nms"].b = is_regular
        content = tflite_conversion.convert(graph, source[1], "float32")
        for threads in (1, 2):
            _, classes, _, count = Runner(content, threads=threads)(PIXELS)
            seen[is_regular, threads] = classes[0, : int(count[0])].tolist()
    assert 2 in seen[True, 1] and 2 not in seen[True, 2]
    assert seen[False, 1] == seen[False, 2]


def test_types_and_sizes_are_those_of_the_kind(converted) -> None:
    sizes = {kind: len(converted(kind)) for kind in ("float32", "float16", "dynamic", "int8")}
    assert sizes["float16"] < 0.6 * sizes["float32"] and sizes["dynamic"] < 0.5 * sizes["float32"]
    runner = Runner(converted("int8"))
    assert runner.input["dtype"] == np.uint8 and runner.takes_pixels
    np.testing.assert_array_equal(runner.stored(PIXELS), PIXELS.astype(np.uint8))
    np.testing.assert_allclose(runner.seen(PIXELS), (PIXELS - 127.5) / 127.5, atol=1 / 255 + 1e-6)
    types = {tensor["dtype"] for tensor in runner._interpreter.get_tensor_details() if len(tensor["shape"]) == 4}
    assert np.float32 not in types, "8 bits throughout"


def test_raw_heads_in_8_bits_have_8_bit_outputs(source: tuple) -> None:
    graph, facts = source[0], replace(source[1], suppression="none")
    bare = tflite_conversion.convert(graph, facts, "int8", lambda: iter([[(PIXELS - 127.5) / 127.5]]))
    runner = Runner(bare)
    assert [output["dtype"] for output in runner.outputs] == [np.uint8, np.uint8]
    assert [output["name"] for output in runner.outputs] == [tflite_exporter.BOXES, tflite_exporter.SCORES]


def test_a_plain_unzip_finds_the_labels_0_based_one_a_line(converted) -> None:
    with zipfile.ZipFile(io.BytesIO(converted("float32"))) as archive:
        assert archive.read("labels.txt").decode().splitlines() == LABELS
        assert set(archive.namelist()) == {"labels.txt", "detector.json"}
        assert archive.testzip() is None


def test_the_file_tells_what_it_is(source: tuple, converted, tmp_path: Path) -> None:
    path = tmp_path / "x.tflite"
    path.write_bytes(converted("float32"))
    assert tflite_file.facts_in(path) == source[1]
    assert tflite_file.labels_in(path) == LABELS
    assert tflite_file.facts_in(path).label_map == CATEGORIES
    path.write_bytes(path.read_bytes()[: len(path.read_bytes()) // 2])
    assert tflite_file.facts_in(path) is None, "half a file has lost what was appended"
    path.write_bytes(b"no model at all")
    with pytest.raises(UserError, match="no TensorFlow Lite model"):
        tflite_file.facts_in(path)


def test_weights_stay_where_the_schema_wants_them(converted) -> None:
    model = schema.Model.GetRootAs(converted("float32"), 0)
    buffers = [model.Buffers(i) for i in range(model.BuffersLength())]
    places = [buffer._tab.Vector(buffer._tab.Offset(4)) for buffer in buffers if buffer.DataLength()]
    assert len(places) > 20 and {place % 16 for place in places} == {0}


def test_equal_input_makes_equal_bytes(source: tuple) -> None:
    bare = b"".join([b"\0" * 4, b"TFL3"])
    facts = source[1]
    assert tflite_metadata.build("x", facts, ["a"]) == tflite_metadata.build("x", facts, ["a"])
    assert tflite_file._with_files(bare, {"a": b"1"}) == tflite_file._with_files(bare, {"a": b"1"})


class Table:
    """A table of a flatbuffer, read field by field with nothing but the format's own rules."""

    def __init__(self, data: bytes, place: int):
        self.table = flatbuffers.table.Table(data, place)

    @classmethod
    def root(cls, data: bytes) -> Table:
        return cls(data, int.from_bytes(data[:4], "little"))

    def _field(self, number: int) -> int:
        offset = self.table.Offset(4 + 2 * number)
        assert offset, f"field {number} is missing"
        return self.table.Pos + offset

    def child(self, number: int) -> Table:
        return Table(self.table.Bytes, self.table.Indirect(self._field(number)))

    def children(self, number: int) -> list[Table]:
        offset = self.table.Offset(4 + 2 * number)
        if not offset:
            return []
        start, count = self.table.Vector(offset), self.table.VectorLen(offset)
        return [Table(self.table.Bytes, self.table.Indirect(start + 4 * i)) for i in range(count)]

    def text(self, number: int) -> str:
        return self.table.String(self._field(number)).decode()

    def byte(self, number: int) -> int:
        return self.table.Bytes[self._field(number)]

    def numbers(self, number: int, kind: type) -> list:
        flags = {np.float32: flatbuffers.number_types.Float32Flags, np.uint32: flatbuffers.number_types.Uint32Flags}
        return self.table.GetVectorAsNumpy(flags[kind], self.table.Offset(4 + 2 * number)).tolist()


def test_apps_find_the_standard_metadata_in_the_model(converted) -> None:
    model = schema.Model.GetRootAs(converted("float32"), 0)
    named = {model.Metadata(i).Name(): model.Metadata(i).Buffer() for i in range(model.MetadataLength())}
    data = bytes(model.Buffers(named[b"TFLITE_METADATA"]).DataAsNumpy())
    assert data[4:8] == b"M001"
    (subgraph,) = Table.root(data).children(3)
    (image,), outputs = subgraph.children(2), subgraph.children(3)
    (unit,) = image.children(4)
    assert unit.byte(0) == 1, "NormalizationOptions"
    assert (unit.child(1).numbers(0, np.float32), unit.child(1).numbers(1, np.float32)) == ([127.5] * 3, [127.5] * 3)
    assert image.child(3).byte(0) == 2 and image.child(3).child(1).byte(0) == 1, "ImageProperties, RGB"
    assert [output.text(0) for output in outputs] == ["location", "category", "score", "number of detections"]
    assert outputs[0].child(3).child(1).numbers(0, np.uint32) == [1, 0, 3, 2], "left is the second number of a box"
    (labels,) = outputs[1].children(6)
    assert (labels.text(0), labels.byte(2)) == ("labels.txt", 3), "TENSOR_VALUE_LABELS"
    (group,) = subgraph.children(8)
    assert group.text(0) == "detection_result"


@pytest.mark.parametrize(
    ("mean", "deviation", "statistics"),
    [([127.5] * 3, [127.5] * 3, (128, 128)), ([0.0] * 3, [255.0] * 3, (0, 255)), ([128.0] * 3, [64.0] * 3, (128, 64))],
)
def test_the_zero_point_is_whole_and_black_stays_black(mean, deviation, statistics, source: tuple) -> None:
    facts = replace(source[1], mean=mean, deviation=deviation)
    assert tflite_conversion.input_statistics(facts) == statistics


def test_means_that_differ_have_no_uint8(source: tuple) -> None:
    with pytest.raises(UserError, match="different means"):
        tflite_conversion.input_statistics(replace(source[1], mean=[123.0, 116.0, 103.0]))


@pytest.mark.parametrize(
    ("operation", "reason"), [("Betainc", "refuses this graph"), ("Erfinv", "cannot run the model")]
)
def test_operations_that_it_does_not_know_are_one_line(operation: str, reason: str, source: tuple) -> None:
    graph = tf.GraphDef.FromString(source[0].SerializeToString())
    next(node for node in graph.node if node.op == "Relu6").op = operation
    with pytest.raises(UserError, match=reason) as raised:
        bare = tflite_conversion.convert(graph, source[1], "float32")
        tflite_check.require_agreement(graph, bare, source[1], "float32", PIXELS)
    assert "\n" not in str(raised.value)
