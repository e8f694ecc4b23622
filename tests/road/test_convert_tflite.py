"""make export-tflite and make convert-tflite, right after make model; and that make eval finds in the files what the
frozen graph finds."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from support import KEPT, NAME, failed_in_one_line, run_verb
from todus import checkpoint, layout, progress, status
from todus.bridge import pipeline as pipelines
from todus.coco import label_map
from todus.coco.label_map import LabelMap
from todus.converting import representative, resizer, tflite, tflite_file, tflite_source
from todus.errors import UserError
from todus.evaluation import detectors, graphs
from todus.evaluation.detectors import tflite as tflite_detectors
from todus.exporting import inference_graph, tflite_graph
from todus.exporting.tflite_graph import Settings

LABELS = ["traffic light", "stop sign", "banana"]

# What a device would run: a detector without Todus, TensorFlow and the Object Detection API.
PLAIN_LITERT = """
import sys, json
import numpy as np
from PIL import Image
from ai_edge_litert.interpreter import Interpreter
interpreter = Interpreter(sys.argv[1])
interpreter.allocate_tensors()
(image,) = interpreter.get_input_details()
_, height, width, _ = image["shape"]
pixels = np.asarray(Image.open(sys.argv[2]).convert("RGB").resize((width, height), Image.BILINEAR))
interpreter.set_tensor(image["index"], pixels[None].astype(image["dtype"]))
interpreter.invoke()
boxes, classes, scores, count = (interpreter.get_tensor(o["index"]) for o in interpreter.get_output_details())
assert "tensorflow" not in sys.modules
print(json.dumps({"type": str(pixels.dtype), "count": int(count[0]), "classes": classes[0].tolist()}))
"""


@pytest.fixture(scope="module")
def tree(prepared: layout.Home, tmp_path_factory: pytest.TempPathFactory) -> layout.Home:
    """A prepared model, exported and converted as float32 and int8; what the verb said is in said.txt."""
    home = layout.Home(tmp_path_factory.mktemp("tflite") / "tree")
    shutil.copytree(prepared.folder, home.folder)
    result = run_verb("convert-tflite", home, TFLITE="float32 int8")
    assert result.returncode == 0, result.stderr
    assert result.stderr == "", "TensorFlow's converter and its runtime are kept quiet"
    (home.folder / "said.txt").write_text(result.stdout)
    return home


@pytest.fixture(scope="module")
def frozen(tree: layout.Home) -> Path:
    inference_graph.export(tree.model(NAME), "")
    path = tree.folder / "frozen.pb"
    shutil.copy(tree.model(NAME).frozen_graph, path)
    return path


@pytest.fixture
def images(tree: layout.Home) -> list[np.ndarray]:
    folder = tree.raw_data.images("val")
    return [np.asarray(Image.open(path).convert("RGB")) for path in sorted(folder.glob("*.jpg"))[:6]]


def test_it_exports_first_and_writes_a_file_for_each_kind(tree: layout.Home) -> None:
    model = tree.model(NAME)
    assert model.tflite_labels.read_text(encoding="utf-8").splitlines() == LABELS
    for path in (model.tflite, model.other_tflite("int8")):
        facts = tflite_file.facts_in(path)
        assert facts.label_map == label_map.read(model.label_map) and facts.checkpoint == "model.ckpt-0"
        assert (facts.height, facts.width, facts.suppression) == (96, 96, "fast")


def test_it_tells_what_is_in_the_files_and_how_far_they_are_from_the_graph(tree: layout.Home) -> None:
    said = (tree.folder / "said.txt").read_text()
    for words in (
        f"made model/{NAME}/{NAME}.tflite",
        f"made model/{NAME}/{NAME}-int8.tflite",
        "int8, compared with its graph on one image: raw boxes differ by",
        "float32 takes 96x96x3 RGB, float32, (pixel - 127.5) / 127.5",
        "int8 takes 96x96x3 RGB, uint8, pixels as they are",
        "boxes [1, 100, 4], classes (0 is the first label), scores, count",
        f"next: make eval MODEL={NAME}",
    ):
        assert words in said, said


def test_a_device_needs_neither_todus_nor_tensorflow(tree: layout.Home) -> None:
    model = tree.model(NAME)
    image = next(tree.raw_data.images("val").glob("*.jpg"))
    arguments = [sys.executable, "-c", PLAIN_LITERT, str(model.other_tflite("int8")), str(image)]
    result = subprocess.run(arguments, capture_output=True, text=True, check=True)
    said = json.loads(result.stdout)
    assert said["type"] == "uint8" and said["count"] > 0
    assert set(said["classes"][: said["count"]]) <= {0, 1, 2}


def test_raw_heads_and_regular_suppression_find_what_the_frozen_graph_finds(
    tree: layout.Home, frozen: Path, images: list[np.ndarray]
) -> None:
    model = tree.model(NAME)
    cut = label_map.read(model.label_map)
    expected = detectors.from_frozen_graph(frozen, lambda _: cut).detect(images)
    for suppression in ("regular", "none"):
        tflite_graph.export(model, "", Settings(suppression))
        (path,) = tflite.convert(model)
        detector = tflite_detectors.open_detector(path, cut, interpreters=2)
        for theirs, ours in zip(expected, detector.detect(images), strict=True):
            assert len(ours.scores) == len(theirs.scores) == 100
            np.testing.assert_allclose(ours.scores, theirs.scores, atol=1e-5)
            same = [i for i in range(100) if ours.names[i] == theirs.names[i]]
            assert len(same) > 90, "but for ties"
            apart = np.abs(ours.boxes[same] - theirs.boxes[same]).max(axis=1)
            assert (apart < 1e-4).mean() > 0.9
        detector.close()
    assert len({d.scores[0] for d in expected}) == len(images), "outputs depend on the image"


def test_the_files_are_evaluated_by_name_and_by_path(tree: layout.Home, images: list[np.ndarray]) -> None:
    model = tree.model(NAME)
    tflite_graph.export(model, "")
    tflite.convert(model, kinds=["float32", "int8"])
    by_path = graphs.find(model, str(model.other_tflite("int8")))
    assert (by_path.name, by_path.weights) == (f"{NAME}-int8.tflite", "model.ckpt-0")
    whole, in_8_bits = (graph.open().detect(images) for graph in (graphs.find(model, "tflite"), by_path))
    best = [(one.scores[0], other.scores[0]) for one, other in zip(whole, in_8_bits, strict=True)]
    assert all(abs(one - other) < 0.1 for one, other in best) and len(set(best)) == len(images)
    result = run_verb("eval", tree, GRAPH="tflite")
    assert result.returncode == 0, result.stderr
    assert '"tflite"' in model.report.read_text(encoding="utf-8")
    state = dict(status.lines(model))["tflite"]
    assert f"{NAME}-int8.tflite" in state and "not all" not in state


def test_images_are_resized_as_the_frozen_graph_does_it(tree: layout.Home, images: list[np.ndarray]) -> None:
    from todus.bridge import detection_model
    from todus.bridge.graph_mode import tf

    pipeline = pipelines.load(tree.model(NAME).pipeline)
    facts = tflite_graph.facts_of(pipeline, label_map.read(tree.model(NAME).label_map), Settings(), "")
    resize = resizer.of(facts)
    with tf.Graph().as_default(), tf.Session() as session:
        model, image = (
            detection_model.build(pipeline, is_training=False),
            tf.placeholder(tf.float32, [1, None, None, 3]),
        )
        prepared, _ = model.preprocess(image)
        for pixels in images:
            seen = session.run(prepared, {image: pixels[None].astype(np.float32)})
            np.testing.assert_allclose((resize(pixels) - 127.5) / 127.5, seen, atol=5e-7)


def test_representative_images_are_the_same_each_time_and_span_all_pixels(tree: layout.Home) -> None:
    facts = tflite_file.facts_in(tree.model(NAME).tflite)
    first, again = (representative.inputs(tree.dataset("limited"), facts, 5) for _ in range(2))
    assert len(first) == 5 and all(np.array_equal(*pair) for pair in zip(first, again, strict=True))
    assert (first[0].min(), first[0].max()) == (-1, 1) and first[0].shape == (1, 96, 96, 3)
    assert len({image.tobytes() for image in first}) == 5


def test_an_outdated_export_is_made_anew_with_the_settings_of_before(home: layout.Home) -> None:
    model = home.model(NAME)
    tflite_graph.export(model, "", Settings("regular", 7, 0.25))
    first = tflite_graph.read_facts(model.tflite_facts)
    os.utime(model.tflite_facts, (1, 1))  # as old as if make model had rewritten pipeline.config since
    source = tflite_source.choose(model, "")
    assert source.facts == first, "the same checkpoint and settings make the same graph, to the byte"
    written_at = model.tflite_facts.stat().st_mtime
    assert written_at > 1 and tflite_graph.is_current(model, checkpoint.newest(model.training))
    tflite_source.choose(model, "")
    assert model.tflite_facts.stat().st_mtime == written_at, "once is enough"


def test_make_export_keeps_the_graph_for_tensorflow_lite(home: layout.Home) -> None:
    model = home.model(NAME)
    tflite_graph.export(model, "", Settings("regular", 7, 0.25))
    before = [(path.read_bytes(), path.stat().st_mtime_ns) for path in (model.tflite_graph, model.tflite_facts)]
    inference_graph.export(model, "")
    after = [(path.read_bytes(), path.stat().st_mtime_ns) for path in (model.tflite_graph, model.tflite_facts)]
    assert after == before and model.frozen_graph.is_file()


def test_files_of_another_export_are_removed_once_the_new_one_is_converted(
    home: layout.Home, tree: layout.Home, capsys: pytest.CaptureFixture
) -> None:
    model, converted = home.model(NAME), tree.model(NAME)
    other = model.other_tflite("int8")
    shutil.copy(converted.other_tflite("int8"), other)
    tflite_graph.export(model, "", Settings("regular"))
    with pytest.raises(UserError, match="no ranges"):
        tflite.convert(model, kinds=["uint8"])
    assert other.is_file(), "nothing has taken its place"
    tflite.convert(model)
    assert not other.exists() and f"removed {progress.shown(other)}, which" in capsys.readouterr().out


def test_a_file_for_other_categories_is_not_evaluated(home: layout.Home, tree: layout.Home) -> None:
    model = home.model(NAME)
    shutil.copy(tree.model(NAME).tflite, model.tflite)
    label_map.write(model.label_map, LabelMap({1: "dog", 2: "cat", 3: "banana"}))
    with pytest.raises(UserError, match=rf"was made for {LABELS[0]}.*, the model is now for dog.*make convert-tflite"):
        graphs.find(model, "tflite")


def test_boxes_are_clipped_to_the_image_and_those_outside_of_it_left_out() -> None:
    boxes = np.array([[[-0.5, 0.25, 0.5, 1.5], [1.1, 0, 1.2, 1], [0, 0, 1, 1], [9, 9, 9, 9]]], np.float32)
    classes, scores = np.array([[1, 2, 0, 7]], np.float32), np.array([[0.9, 0.8, 0.7, 9]], np.float32)
    found = tflite_detectors._found(boxes, classes, scores, np.array([3], np.float32))
    expected = ([[0, 0.25, 0.5, 1], [0, 0, 1, 1]], [1, 0], np.float32([0.9, 0.7]))
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_mistakes_are_one_line(tree: layout.Home) -> None:
    assert failed_in_one_line(run_verb("convert-tflite", tree, TFLITE="uint9"), "TFLITE", "uint9", "uint8")
    assert failed_in_one_line(run_verb("export-tflite", tree, NMS="slow"), "NMS", "slow", "regular")


def test_without_ranges_there_is_no_uint8_but_three_ways_out(tree: layout.Home) -> None:
    with pytest.raises(UserError, match=r"no ranges .*QUANTIZE=1.*TFLITE=int8.*TFLITE=float32"):
        tflite.convert(tree.model(NAME), kinds=["uint8"])


def test_what_cannot_be_converted_is_refused(home: layout.Home) -> None:
    model = home.model(NAME)
    with pytest.raises(UserError, match=r"nothing.pb is not there"):
        tflite.convert(model, "nothing.pb")
    with pytest.raises(UserError, match=r"is not there; run: make convert-tflite"):
        graphs.find(model, "tflite")
    with pytest.raises(UserError, match=r"is not exported; run: make export-tflite"):
        tflite.convert(model, "exported")
    with pytest.raises(UserError, match=r"has no tflite_graph.pb .*leave GRAPH away"):
        tflite.convert(model, "pretrained")
    with pytest.raises(UserError, match=r"has no normalized_input_image_tensor"):
        tflite.convert(model, str(model.pretrained_graph))


def test_an_export_for_other_categories_is_not_converted(home: layout.Home) -> None:
    model = home.model(NAME)
    tflite_graph.export(model, "")
    facts = json.loads(model.tflite_facts.read_text())
    model.tflite_facts.write_text(json.dumps({**facts, "labels": ["dog"]}))
    with pytest.raises(UserError, match=rf"exported for dog, the model is now for {LABELS[0]}.*make export-tflite"):
        tflite.convert(model)
    assert not model.tflite.exists() and set(KEPT.split(", ")) == set(LABELS)
