"""make convert-onnx, right after make model; and that make eval finds in the file what the frozen graph finds."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image

from support import NAME, failed_in_one_line, run_verb
from todus import layout, status
from todus.coco import label_map
from todus.converting import greedy_suppression, onnx_check, onnx_file
from todus.converting import onnx as converting
from todus.converting.onnx_facts import Form
from todus.errors import UserError
from todus.evaluation import detectors, graphs
from todus.evaluation.detectors import Detections
from todus.exporting import inference_graph

LABELS = ["traffic light", "stop sign", "banana"]

# What a device would run: a detector without Todus and TensorFlow.
PLAIN_ONNXRUNTIME = """
import sys, json
import numpy as np, onnxruntime
from PIL import Image
session = onnxruntime.InferenceSession(sys.argv[1])
(image,) = session.get_inputs()
metadata = session.get_modelmeta().custom_metadata_map
_, height, width, _ = image.shape
pixels = np.asarray(Image.open(sys.argv[2]).convert("RGB").resize((width, height), Image.BILINEAR))
names = [output.name for output in session.get_outputs()]
found = dict(zip(names, session.run(names, {image.name: pixels[None]})))
count, labels = int(found["num_detections"][0]), json.loads(metadata["labels"])
found = [labels[int(number) - 1] for number in found["detection_classes"][0, :count]]
assert "tensorflow" not in sys.modules
print(json.dumps({"names": names, "labels": labels, "found": found}))
"""


@pytest.fixture(scope="module")
def tree(prepared: layout.Home, tmp_path_factory: pytest.TempPathFactory) -> layout.Home:
    """A prepared model, converted with all defaults, and exported; what the verb said is in said.txt."""
    home = layout.Home(tmp_path_factory.mktemp("onnx") / "tree")
    shutil.copytree(prepared.folder, home.folder)
    result = run_verb("convert-onnx", home)
    assert result.returncode == 0, result.stderr
    assert result.stderr == "", "tf2onnx, onnxslim and onnxruntime are kept quiet"
    (home.folder / "said.txt").write_text(result.stdout)
    model = home.model(NAME)
    shutil.copy(model.onnx, home.folder / "default.onnx")
    inference_graph.export(model, "")
    return home


@pytest.fixture(scope="module")
def images(tree: layout.Home) -> list[np.ndarray]:
    folder = tree.raw_data.images("val")
    return [np.asarray(Image.open(path).convert("RGB")) for path in sorted(folder.glob("*.jpg"))[:6]]


@pytest.fixture(scope="module")
def expected(tree: layout.Home, images: list[np.ndarray]) -> list[Detections]:
    """What the frozen graph finds."""
    detector = graphs.find(tree.model(NAME), "exported").open()
    found = detector.detect(images)
    detector.close()
    return found


def test_the_file_is_whole_and_tells_what_it_is(tree: layout.Home) -> None:
    model = tree.model(NAME)
    whole, facts, form = onnx_file.load(tree.folder / "default.onnx")
    onnx.checker.check_model(whole, full_check=True)
    assert form == Form("onnx", "uint8", "nhwc", "1", 13, False)
    assert facts.label_map == label_map.read(model.label_map) and facts.checkpoint == "model.ckpt-0"
    metadata = {entry.key: json.loads(entry.value) for entry in whole.metadata_props}
    assert metadata["labels"] == LABELS and metadata["mean"] == [127.5] * 3
    assert 0 < metadata["score_threshold"] < metadata["iou_threshold"] < 1
    assert [value.name for value in whole.graph.input] == ["image"]
    assert whole.opset_import[0].version == 13 and len(whole.opset_import) == 1
    assert not {"BatchNormalization", "Loop", "If"} & {node.op_type for node in whole.graph.node}
    assert model.onnx_labels.read_text(encoding="utf-8").splitlines() == LABELS
    assert "model.ckpt-0" in dict(status.lines(model))["onnx"]


def test_it_tells_what_is_in_the_file_and_how_far_it_is_from_the_graph(tree: layout.Home) -> None:
    said = (tree.folder / "said.txt").read_text()
    for words in (
        f"made model/{NAME}/{NAME}.onnx",
        "compared with its graph on one image: boxes differ by",
        "image: uint8, pixels as they are, [1, 96, 96, 3], RGB",
        "detection_boxes: 100 at most, ymin, xmin, ymax, xmax, 0..1",
        f"next: make eval MODEL={NAME}",
        "GRAPH=onnx",
    ):
        assert words in said, said


def test_a_device_needs_neither_todus_nor_tensorflow(tree: layout.Home) -> None:
    image = next(tree.raw_data.images("val").glob("*.jpg"))
    arguments = [sys.executable, "-c", PLAIN_ONNXRUNTIME, str(tree.folder / "default.onnx"), str(image)]
    said = json.loads(subprocess.run(arguments, capture_output=True, text=True, check=True).stdout)
    assert set(said["names"]) == {"detection_boxes", "detection_scores", "detection_classes", "num_detections"}
    assert said["labels"] == LABELS and said["found"] and set(said["found"]) <= set(LABELS)


@pytest.mark.parametrize(
    "form",
    [
        Form(input="float", layout="nchw"),
        Form(preprocess=True, batch="dynamic", layout="nchw", opset=17),
        Form(nms="none", input="float", batch="dynamic"),
    ],
    ids=["float", "any size", "raw"],
)
def test_on_photographs_of_any_size_it_finds_what_the_frozen_graph_finds(
    form: Form, tree: layout.Home, images: list[np.ndarray], expected: list[Detections]
) -> None:
    converting.convert(tree.model(NAME), form=form)
    detector = detectors.from_onnx(tree.model(NAME).onnx)
    for theirs, ours in zip(expected, detector.detect(images), strict=True):
        assert len(ours.names) == len(theirs.names) == 100
        np.testing.assert_allclose(ours.scores, theirs.scores, atol=1e-3)
        assert unlike(ours, theirs) == 0
    assert detector.score_threshold == pytest.approx(1e-8)
    detector.close()
    assert unlike(expected[0], expected[1]) > 50, "another image gives others, or this shows nothing"


def unlike(ours: Detections, theirs: Detections) -> int:
    numbers = (np.array([LABELS.index(name) for name in each.names]) for each in (ours, theirs))
    return onnx_check.unlike(*zip((ours.boxes, theirs.boxes), (ours.scores, theirs.scores), numbers, strict=True))


def test_average_precision_is_that_of_the_frozen_graph(tree: layout.Home) -> None:
    model = tree.model(NAME)
    shutil.copy(tree.folder / "default.onnx", model.onnx)
    result = run_verb("eval", tree, GRAPH="exported onnx")
    assert result.returncode == 0, result.stderr
    report = json.loads(model.report.read_text(encoding="utf-8"))
    frozen, ours = (report[name]["summary"] for name in ("exported", "onnx"))
    assert frozen["AP"] == pytest.approx(ours["AP"], abs=0.001), "a tenth of a point"
    assert frozen["AR_100"] == pytest.approx(ours["AR_100"], abs=0.01) and frozen["AR_100"] > 0.05


def test_for_tensorrt_it_cannot_be_run_here_which_is_said(tree: layout.Home, tmp_path: Path) -> None:
    model = tree.model(NAME)
    result = run_verb("convert-onnx", tree, NMS="tensorrt", LAYOUT="nchw", THRESHOLD="0.3")
    assert result.returncode == 0, result.stderr
    whole, facts, form = onnx_file.load(model.onnx)
    assert (form.nms, form.layout, facts.score_threshold) == ("tensorrt", "nchw", 0.3)
    assert "EfficientNMS_TRT" in {node.op_type for node in whole.graph.node}
    assert "next: trtexec --onnx=" in result.stdout
    with pytest.raises(UserError, match=r"plugin of TensorRT.*NMS=onnx"):
        graphs.find(model, "onnx").open()


def test_the_pretrained_model_has_all_its_classes(tree: layout.Home) -> None:
    model = tree.model(NAME)
    converting.convert(model, "pretrained")
    _, facts, _ = onnx_file.load(model.onnx)
    assert facts.labels[0] == "person" and "???" in facts.labels and len(facts.labels) == 90
    assert facts.checkpoint == "pretrained"


def test_mistakes_are_one_line(tree: layout.Home) -> None:
    for wrong in ({"NMS": "fast"}, {"INPUT": "int8"}, {"LAYOUT": "hwc"}, {"BATCH": "2"}, {"OPSET": "12"}):
        ((variable, value),) = wrong.items()
        assert failed_in_one_line(run_verb("convert-onnx", tree, **wrong), variable, value)
    model = tree.model(NAME)
    for arguments, reason in (
        ({"form": Form(preprocess=True, input="float")}, "PREPROCESS=1 .*INPUT=float"),
        ({"graph": "some.pb"}, "made of a checkpoint"),
        ({"graph": "pretrained", "checkpoint_name": "0"}, "give only one"),
        ({"checkpoint_name": "model.ckpt-7"}, "no checkpoint model.ckpt-7"),
        ({"graph": "best"}, "no best checkpoint"),
    ):
        with pytest.raises(UserError, match=reason):
            converting.convert(model, **arguments)


def test_a_file_that_is_not_there_or_not_of_todus_is_refused(tree: layout.Home, tmp_path: Path) -> None:
    model = layout.Model(tmp_path / "model" / "other")
    with pytest.raises(UserError, match="is not there; run: make convert-onnx"):
        graphs.find(model, "onnx")
    (tmp_path / "half.onnx").write_bytes((tree.folder / "default.onnx").read_bytes()[:1000])
    with pytest.raises(UserError, match=r"half of one|not of Todus"):
        graphs.find(model, str(tmp_path / "half.onnx"))


def test_boxes_that_do_not_meet_do_not_overlap() -> None:
    others = np.array([[0, 0, 1, 1], [0, 0, 0.5, 1], [2, 2, 3, 3], [0, 0, 0, 0]], np.float32)
    np.testing.assert_allclose(greedy_suppression.intersection_over_union(others[0], others), [1, 0.5, 0, 0])
