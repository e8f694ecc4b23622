"""Detectors run in the quickest way that their graph allows, and detect what the graph's own outputs say."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from todus.bench import lifelike
from todus.bridge import detection_model
from todus.bridge import pipeline as pipelines
from todus.bridge.graph_mode import tf
from todus.coco.label_map import LabelMap
from todus.converting.frozen_graph import FrozenGraph
from todus.evaluation.detectors import best_candidates, suppression
from todus.evaluation.detectors.detector import Detections
from todus.evaluation.detectors.graph_detector import GraphDetector
from todus.evaluation.detectors.graph_runs import AmongBestCandidates, Found, OneByOne, PreparedFirst
from zoo import families

CLOSE = 1e-5  # images that share a batch: the order of float operations differs
CLASSES = 5
ALL = LabelMap({number: f"class {number}" for number in range(1, families.CLASSES + 1)})


def photographs() -> list[np.ndarray]:
    """Of all sizes, one pixel wide and grey among them."""
    patterns = lifelike.images(7, 200)
    sizes = [(97, 131), (200, 120), (97, 131), (31, 200), (200, 1), (96, 96)]
    images = [image[:height, :width] for image, (height, width) in zip(patterns, sizes, strict=False)]
    return [*images, np.repeat(patterns[6][:, :, :1], 3, axis=2)]


def suppressing_each_class(pipeline: pipelines.Pipeline) -> None:
    """As the zoo's SSDs do, and of few classes: the API builds a suppression for each."""
    pipeline.model.ssd.num_classes = CLASSES
    settings = pipeline.model.ssd.post_processing.batch_non_max_suppression
    settings.use_combined_nms = False
    settings.ClearField("change_coordinate_frame")
    settings.iou_threshold = 0.1  # so that much is suppressed
    settings.max_detections_per_class = settings.max_total_detections = 20


def detector_of(family: str, change: Callable[[pipelines.Pipeline], None] | None = None) -> GraphDetector:
    pipeline = families.pipeline(families.ALL[family])
    if change:
        change(pipeline)
    graph = detection_model.build_graph(pipeline)
    values = lifelike.variables(graph, lifelike.images(4, 128))
    session = tf.Session(graph=graph.graph)
    lifelike.load(session, graph.graph, {name: value for name, value in values.items() if name != "global_step"})
    return GraphDetector(session, ALL, None)


@pytest.fixture(scope="module")
def ssd() -> GraphDetector:
    return detector_of("ssd mobilenet v1", suppressing_each_class)


def by_the_graph(detector: GraphDetector, images: list[np.ndarray]) -> list[Found]:
    return OneByOne(detector.session).detect(images)


def same(found: list[Found], wanted: list[Found]) -> bool:
    return all(
        np.array_equal(one[2], other[2])
        and np.allclose(one[0], other[0], rtol=0, atol=CLOSE)
        and np.allclose(one[1], other[1], rtol=0, atol=CLOSE)
        for one, other in zip(found, wanted, strict=True)
    )


def require_the_same(detector: GraphDetector) -> None:
    images = photographs()
    found, wanted = detector._run.detect(images), by_the_graph(detector, images)
    assert same(found, wanted)
    assert all(len(scores) for _, scores, _ in found)
    # The control: what does not depend on the image is equal for nothing.
    assert not same([found[0]], [found[1]])


@pytest.mark.parametrize("family", ["ssd without background", "fpn"])
def test_an_ssd_is_suppressed_among_its_best_candidates(family):
    detector = detector_of(family, suppressing_each_class)
    assert type(detector._run) is AmongBestCandidates
    assert detector.batch_size > 1
    require_the_same(detector)
    detector.close()


def soft(pipeline: pipelines.Pipeline) -> None:
    pipeline.model.ssd.post_processing.batch_non_max_suppression.soft_nms_sigma = 0.5


def class_agnostic(pipeline: pipelines.Pipeline) -> None:
    pipeline.model.ssd.post_processing.batch_non_max_suppression.use_class_agnostic_nms = True


def static(pipeline: pipelines.Pipeline) -> None:
    pipeline.model.ssd.post_processing.batch_non_max_suppression.use_static_shapes = True


@pytest.mark.parametrize("change", [soft, class_agnostic, static])
def test_a_suppression_of_another_kind_is_not_recognised(change):
    pipeline = families.pipeline(families.ALL["ssd mobilenet v1"])
    suppressing_each_class(pipeline)
    assert recognised(pipeline)
    change(pipeline)
    assert not recognised(pipeline)


def recognised(pipeline: pipelines.Pipeline) -> bool:
    pipeline.model.ssd.num_classes = 2
    definition = detection_model.build_graph(pipeline).graph.as_graph_def()
    return suppression.find(FrozenGraph(definition)) is not None


def test_a_combined_suppression_is_left_to_the_graph():
    detector = detector_of("ssdlite")
    assert type(detector._run) is PreparedFirst
    assert detector.batch_size > 1
    require_the_same(detector)
    detector.close()


def keeping_aspect_ratio(pipeline: pipelines.Pipeline) -> None:
    resizer = pipeline.model.faster_rcnn.image_resizer
    resizer.keep_aspect_ratio_resizer.min_dimension, resizer.keep_aspect_ratio_resizer.max_dimension = 96, 160


def test_images_of_two_stages_go_together_where_they_have_one_size():
    detector = detector_of("faster rcnn", keeping_aspect_ratio)
    assert type(detector._run) is PreparedFirst
    assert detector.batch_size == 1
    images = [image for image in photographs() if min(image.shape[:2]) > 90]
    assert same(detector._run.detect(images), by_the_graph(detector, images))
    detector.close()


def test_a_detector_whose_preparation_is_not_known_takes_images_one_by_one():
    with tf.Graph().as_default() as graph:
        image = tf.placeholder(tf.uint8, [None, None, None, 3], name="image_tensor")
        brightest = tf.cast(tf.reduce_max(image, [1, 2, 3]), tf.float32)[:, tf.newaxis] / 255
        tf.ones([tf.shape(image)[0]], name="num_detections")
        tf.identity(tf.tile(brightest[:, :, tf.newaxis], [1, 1, 4]), name="detection_boxes")
        tf.identity(brightest, name="detection_scores")
        tf.ones_like(brightest, name="detection_classes")
    detector = GraphDetector(tf.Session(graph=graph), ALL, None)
    assert type(detector._run) is OneByOne
    light, dark = detector.detect([np.full([9, 5, 3], 255, np.uint8), np.zeros([2, 3, 3], np.uint8)])
    assert (light.scores, dark.scores, light.names) == (1, 0, ["class 1"])


@pytest.mark.parametrize("few", [2, 20])
def test_too_few_candidates_are_noticed_and_more_taken(ssd, few):
    assert type(ssd._run) is AmongBestCandidates
    images = photographs()
    ssd._run._enough, enough = few, ssd._run._enough
    try:
        found = ssd._run.detect(images)
    finally:
        ssd._run._enough = enough
    assert same(found, by_the_graph(ssd, images))


def test_what_fits_into_no_memory_is_left_to_the_graph(ssd, monkeypatch):
    monkeypatch.setattr("todus.evaluation.detectors.graph_runs._MOST_PAIRS", 1)
    monkeypatch.setattr(ssd._run._fetch, "run", None)
    images = photographs()
    assert same(ssd._run.detect(images), by_the_graph(ssd, images))


def test_another_threshold_would_be_noticed(ssd):
    """The control of all of these."""
    run, images = ssd._run, photographs()
    looser = replace(run._suppression, iou_threshold=np.float32(0.6))
    fetch, candidates = run._fetch, run._candidates
    run._candidates = best_candidates.build(ssd.session.graph, looser)
    run._fetch = type(fetch)(ssd.session, run._candidates.fetches)
    found = run.detect(images)
    run._fetch, run._candidates = fetch, candidates
    assert not same(found, by_the_graph(ssd, images))
    assert same(run.detect(images), by_the_graph(ssd, images))


def test_equal_scores_keep_the_order_that_the_graph_gives_them(ssd):
    """Heads that ignore the image: nothing but equal scores, as a quantized model has many."""
    with ssd.session.graph.as_default():
        heads = [v for v in tf.global_variables() if v.op.name.endswith("ClassPredictor/weights")]
    before = ssd.session.run(heads)
    for head, value in zip(heads, before, strict=True):
        head.load(np.zeros_like(value), ssd.session)
    try:
        images = photographs()[:3]
        found = ssd._run.detect(images)
        assert len(np.unique(found[0][1])) < len(found[0][1]), "there have to be equal scores"
        assert same(found, by_the_graph(ssd, images))
    finally:
        for head, value in zip(heads, before, strict=True):
            head.load(value, ssd.session)


def equal(one: Detections, other: Detections) -> bool:
    pairs = ((one.boxes, other.boxes), (one.scores, other.scores))
    return one.names == other.names and all(np.array_equal(*pair) for pair in pairs)


def test_the_same_images_are_detected_the_same_again_and_in_threads(ssd):
    images = photographs()
    first = ssd.detect(images)
    with ThreadPoolExecutor(4) as threads:
        for found in threads.map(ssd.detect, [images] * 8):
            assert all(equal(*pair) for pair in zip(first, found, strict=True))


def test_no_images_give_no_detections(ssd):
    assert ssd.detect([]) == []
