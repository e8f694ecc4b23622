"""The forms of one detector detect the same, and what is no detector is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from support import NAME
from todus import checkpoint
from todus.bridge import detection_model
from todus.bridge import pipeline as pipelines
from todus.bridge.graph_mode import tf
from todus.coco import label_map
from todus.coco.label_map import LabelMap
from todus.errors import UserError
from todus.evaluation import detectors
from todus.evaluation.detectors import graph_facts
from todus.evaluation.detectors.image_reader import read_image
from todus.layout import COCO_LABEL_MAP, Home, Model
from todus.zoo import archive
from zoo import families

MASK_RCNN = "mask rcnn with shared boxes"

ALL = label_map.read(COCO_LABEL_MAP)


@pytest.fixture(scope="module")
def model(tmp_path_factory, zoo: str) -> Model:
    """The little zoo model, unpacked: one detector as checkpoint and as frozen graph."""
    home = Home(tmp_path_factory.mktemp("detectors"))
    model = home.model(NAME)
    archive.unpack(archive.fetch(NAME, zoo, home), model)
    return model


@pytest.fixture(scope="module")
def images(zoo, zoo_home: Home) -> list[np.ndarray]:
    return [read_image(path) for path in sorted(zoo_home.raw_data.images("val").glob("*.jpg"))[:6]]


@pytest.fixture(scope="module")
def from_graph(model) -> detectors.Detector:
    return detectors.from_frozen_graph(model.pretrained / "frozen_inference_graph.pb", lambda _: ALL)


@pytest.fixture(scope="module")
def from_checkpoint(model) -> detectors.Detector:
    return detectors.from_checkpoint(pipelines.load(model.zoo_pipeline), archive.checkpoint(model), ALL)


def test_a_graph_and_the_checkpoint_it_was_exported_from_detect_the_same(from_graph, from_checkpoint, images):
    assert from_graph.score_threshold == pytest.approx(1e-8)
    assert from_checkpoint.score_threshold == 1e-8
    best = []
    for image in images:
        one, other = from_graph.detect([image])[0], from_checkpoint.detect([image])[0]
        assert len(one.names) == len(one.scores) == len(one.boxes) == len(other.names) > 20
        assert set(one.names) <= set(ALL.ids)
        assert np.all(np.diff(one.scores) <= 0), "the best comes first"
        assert all(is_among(one, row, other) for row in range(20))
        best.append(one.scores[0])
    assert len(set(best)) == len(images), "detections that do not depend on the image are equal for nothing"


def test_new_weights_are_taken_without_building_anew(model, from_checkpoint, images, tmp_path):
    first = from_checkpoint.detect(images)
    other = checkpoint.read(archive.checkpoint(model))
    for name, value in other.items():
        if name.endswith("ClassPredictor/weights"):
            other[name] = value[..., ::-1]
    checkpoint.write(tmp_path / "model.ckpt-7", other)
    from_checkpoint.restore(tmp_path / "model.ckpt-7")
    changed = from_checkpoint.detect(images)
    assert not any(np.array_equal(one.scores, two.scores) for one, two in zip(first, changed, strict=True))
    with pytest.raises(UserError, match=r"checkpoint .*/none cannot be read \(.*not a valid checkpoint.*\); delete"):
        from_checkpoint.restore(tmp_path / "none")
    from_checkpoint.restore(archive.checkpoint(model))
    for one, again in zip(first, from_checkpoint.detect(images), strict=True):
        assert one.names == again.names
        np.testing.assert_array_equal(one.scores, again.scores)
        np.testing.assert_array_equal(one.boxes, again.boxes)


def test_the_saved_model_of_an_export_detects_what_its_checkpoint_does(model, from_checkpoint, images):
    asked = []
    saved = detectors.from_saved_model(model.pretrained / "saved_model", lambda count: asked.append(count) or ALL)
    assert asked == [90]
    assert saved.score_threshold == pytest.approx(1e-8)
    for one, other in zip(saved.detect(images), from_checkpoint.detect(images), strict=True):
        assert all(is_among(one, row, other) for row in range(20))
    saved.close()


def test_a_folder_that_holds_no_saved_model_of_a_detector_is_refused(tmp_path):
    with pytest.raises(UserError, match="holds no SavedModel; name another GRAPH"):
        detectors.from_saved_model(tmp_path, lambda _: ALL)
    (tmp_path / "saved_model.pb").write_bytes(b"this is no SavedModel")
    with pytest.raises(UserError, match="is not the SavedModel of a detector") as refused:
        detectors.from_saved_model(tmp_path, lambda _: ALL)
    assert "\n" not in str(refused.value)


def is_among(one: detectors.Detections, row: int, other: detectors.Detections) -> bool:
    """Whether a detection is among others, up to the order of float operations, which may swap neighbours too."""
    boxes = np.abs(other.boxes - one.boxes[row]).max(axis=1) < 1e-4
    scores = np.abs(other.scores - one.scores[row]) < 1e-4
    names = np.array(other.names) == one.names[row]
    return bool(np.any(boxes & scores & names))


def test_classes_that_the_label_map_does_not_name_are_left_out(model, from_graph, images):
    whole = from_graph.detect(images[:1])[0]
    seen = set(whole.names)
    assert len(seen) > 1
    kept = {number: name for number, name in ALL.names.items() if name in sorted(seen)[:1]}
    fewer = detectors.from_frozen_graph(model.pretrained / "frozen_inference_graph.pb", lambda _: LabelMap(kept))
    some = fewer.detect(images[:1])[0]
    rows = [row for row, name in enumerate(whole.names) if name in kept.values()]
    assert some.names == [whole.names[row] for row in rows]
    np.testing.assert_array_equal(some.boxes, whole.boxes[rows])
    np.testing.assert_array_equal(some.scores, whole.scores[rows])


def test_a_checkpoint_of_another_detector_is_refused(model):
    for_two_classes = pipelines.load(model.zoo_pipeline)
    for_two_classes.model.ssd.num_classes = 2
    with pytest.raises(
        UserError, match=r"model\.ckpt does not fit pipeline\.config: .*lhs shape=.*rhs shape="
    ) as refused:
        detectors.from_checkpoint(for_two_classes, archive.checkpoint(model), ALL)
    assert "\n" not in str(refused.value)


def test_a_checkpoint_without_a_variable_is_refused_by_the_variable_s_name(model, tmp_path):
    variables = checkpoint.read(archive.checkpoint(model))
    gone = next(name for name in variables if name.endswith("ClassPredictor/biases"))
    del variables[gone]
    checkpoint.write(tmp_path / "model.ckpt-7", variables)
    with pytest.raises(
        UserError, match=rf"does not fit pipeline\.config: Key {gone} not found in checkpoint"
    ) as refused:
        detectors.from_checkpoint(pipelines.load(model.zoo_pipeline), tmp_path / "model.ckpt-7", ALL)
    assert "\n" not in str(refused.value)


def test_a_damaged_checkpoint_is_refused_with_what_is_wrong_in_it(model, from_checkpoint, tmp_path):
    copy = checkpoint.copy(archive.checkpoint(model), tmp_path)
    data = copy.with_name(f"{copy.name}.data-00000-of-00001")
    data.write_bytes(data.read_bytes()[:-1000])
    with pytest.raises(
        UserError, match=r"cannot be read \((Read less bytes|.*Checksum).*\); delete its files"
    ) as refused:
        from_checkpoint.restore(copy)
    assert "\n" not in str(refused.value)
    from_checkpoint.restore(archive.checkpoint(model))


def suppressing(threshold: float | None) -> tf.GraphDef:
    """A graph with non-maximum suppression, and a score threshold if one is given."""
    with tf.Graph().as_default() as graph:
        boxes, scores = tf.placeholder(tf.float32, [9, 4]), tf.placeholder(tf.float32, [9])
        if threshold is None:
            tf.raw_ops.NonMaxSuppression(boxes=boxes, scores=scores, max_output_size=3)
        else:
            tf.image.non_max_suppression(boxes, scores, 3, score_threshold=threshold)
    return graph.as_graph_def()


@pytest.mark.parametrize("threshold", [0.3, 1e-8, 0.0])
def test_the_threshold_that_is_baked_into_a_graph_is_read_back(threshold):
    assert graph_facts.baked_score_threshold(suppressing(threshold)) == pytest.approx(threshold)


@pytest.mark.parametrize("threshold", [0.3, 0.0])
def test_the_threshold_of_a_combined_suppression_is_read_back(threshold):
    with tf.Graph().as_default() as graph:
        boxes, scores = tf.placeholder(tf.float32, [1, 9, 1, 4]), tf.placeholder(tf.float32, [1, 9, 2])
        tf.image.combined_non_max_suppression(boxes, scores, 3, 3, iou_threshold=0.6, score_threshold=threshold)
    assert graph_facts.baked_score_threshold(graph.as_graph_def()) == pytest.approx(threshold)


def test_a_graph_that_does_not_tell_its_threshold_is_not_guessed_at():
    assert graph_facts.baked_score_threshold(suppressing(None)) is None
    assert graph_facts.baked_score_threshold(tf.GraphDef()) is None


def test_the_threshold_of_an_older_export_is_that_of_its_own_filter():
    with tf.Graph().as_default() as graph, tf.name_scope("MultiClassNonMaxSuppression/FilterGreaterThan"):
        tf.greater(tf.placeholder(tf.float32, [9]), 0.3, name="Greater")
    definition = graph.as_graph_def()
    definition.MergeFrom(suppressing(None))
    assert graph_facts.baked_score_threshold(definition) == pytest.approx(0.3)


def test_a_suppression_that_drops_nothing_has_a_threshold_of_zero():
    assert graph_facts.baked_score_threshold(suppressing(float("-inf"))) == 0.0


def test_the_classes_of_a_graph_are_counted(model):
    definition = tf.GraphDef.FromString((model.pretrained / "frozen_inference_graph.pb").read_bytes())
    assert graph_facts.class_count(definition) == 90
    assert graph_facts.class_count(suppressing(0.3)) is None


@pytest.mark.parametrize("family", ["ssdlite", "ppn", "fpn", "faster rcnn", "rfcn", MASK_RCNN])
def test_the_classes_of_a_graph_of_any_family_are_counted(family):
    pipeline = families.pipeline(families.ALL[family])
    getattr(pipeline.model, pipelines.meta_architecture(pipeline)).num_classes = 1
    with tf.Graph().as_default() as graph:
        for name, shape in detection_model.variable_shapes(pipeline).items():
            if name.endswith("/biases"):  # as constants, which they are in a frozen graph
                tf.constant(0.0, shape=shape, name=name)
    assert graph_facts.class_count(graph.as_graph_def()) == 1


def test_heads_that_do_not_belong_together_are_not_guessed_at():
    with tf.Graph().as_default() as graph:
        for name, size in (("class_predictions", 7), ("refined_locations", 12)):
            tf.constant(0.0, shape=[size], name=f"SecondStageBoxPredictor/{name}/biases")
    assert graph_facts.class_count(graph.as_graph_def()) is None


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "content",
    [b"", b"this is no graph", suppressing(0.3).SerializeToString(), suppressing(0.3).SerializeToString()[:-7]],
    ids=["empty", "text", "another graph", "cut off"],
)
def test_what_is_no_detection_graph_is_refused_by_name(content, tmp_path):
    path = write(tmp_path / "some.pb", content)
    with pytest.raises(UserError, match="is not a frozen detection graph") as refused:
        detectors.from_frozen_graph(path, lambda _: ALL)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_graph_with_an_operation_that_tensorflow_does_not_have_is_refused_by_name(tmp_path):
    definition = tf.GraphDef()
    definition.node.add(name="post", op="SomebodyElsesPostProcess")  # TensorFlow Lite's is there once a test converts
    path = write(tmp_path / "graph.pb", definition.SerializeToString())
    with pytest.raises(UserError, match=r"graph\.pb cannot be run .*'SomebodyElsesPostProcess'; eval") as refused:
        detectors.from_frozen_graph(path, lambda _: ALL)
    assert "\n" not in str(refused.value)


def test_a_graph_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(UserError, match="is not there; name another GRAPH"):
        detectors.from_frozen_graph(tmp_path / "none.pb", lambda _: ALL)
