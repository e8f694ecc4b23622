"""The plugins as the interpreter has them, against the Object Detection API's own formulas.

The plugins stand for parts of the API's graphs: if they were understood wrongly, they would not say the same.
"""

from __future__ import annotations

import numpy as np
import pytest

from todus.bridge.graph_mode import tf
from uff_interpreter import nms, plugins

RANDOM = np.random.default_rng(9)
RATIOS = (1.0, 2.0, 0.5, 3.0, 0.3333)
VARIANCE = (0.1, 0.1, 0.2, 0.2)
ANCHOR_ATTRIBUTES = {
    "minSize": 0.2,
    "maxSize": 0.95,
    "aspectRatios": RATIOS,
    "featureMapShapes": (19, 10, 5, 3, 2, 1),
    "variance": VARIANCE,
    "numLayers": 6,
}


def api_anchors(shapes: list[tuple[int, int]], height: int = 1, width: int = 1, **settings) -> np.ndarray:
    """The API's anchors: ymin, xmin, ymax, xmax, float32 [anchors, 4]."""
    from object_detection.anchor_generators import multiple_grid_anchor_generator
    from object_detection.core import box_list_ops

    with tf.Graph().as_default(), tf.Session() as session:
        generator = multiple_grid_anchor_generator.create_ssd_anchors(len(shapes), **settings)
        boxes = generator.generate(shapes, im_height=height, im_width=width)
        return session.run(box_list_ops.concatenate(boxes).get())


def plugin_anchors(**changed) -> np.ndarray:
    """The plugin's anchors in the API's order of coordinates."""
    outputs = plugins.grid_anchor({**ANCHOR_ATTRIBUTES, **changed})
    return np.concatenate(outputs, axis=2)[0, 0].reshape(-1, 4)[:, [1, 0, 3, 2]]


@pytest.mark.parametrize(
    ("sizes", "least", "most", "ratios"),
    [
        ((19, 10, 5, 3, 2, 1), 0.2, 0.95, RATIOS),
        ((6, 3, 2, 1, 1, 1), 0.05, 0.9, (1.0, 2.0, 0.5)),
        ((38, 19), 0.1, 0.7, RATIOS),
    ],
)
def test_the_anchors_are_the_api_s(sizes, least, most, ratios) -> None:
    wanted = api_anchors([(size, size) for size in sizes], min_scale=least, max_scale=most, aspect_ratios=ratios)
    found = plugin_anchors(
        featureMapShapes=sizes, minSize=least, maxSize=most, aspectRatios=ratios, numLayers=len(sizes)
    )
    np.testing.assert_allclose(found, wanted, atol=2e-7)
    # The control: a ratio of 0.33 in place of 0.3333, as NVIDIA's samples have it, is another anchor.
    if ratios is RATIOS:
        rounded = plugin_anchors(
            featureMapShapes=sizes, minSize=least, maxSize=most, aspectRatios=(*RATIOS[:4], 0.33), numLayers=len(sizes)
        )
        assert 1e-3 < np.abs(rounded - wanted).max() < 1e-2


def test_there_are_1917_anchors_in_an_image_of_300() -> None:
    outputs = plugins.grid_anchor(ANCHOR_ATTRIBUTES)
    assert [output.shape for output in outputs] == [(1, 2, count * 4, 1) for count in (1083, 600, 150, 54, 24, 6)]
    assert np.array_equal(outputs[2][0, 1, -4:, 0], np.float32(VARIANCE))


def test_anchors_on_maps_that_are_not_square_are_not_the_api_s() -> None:
    """GridAnchorRect_TRT spaces its columns as its rows, so no converter may use it for such maps."""
    shapes = [(6, 9), (3, 5)]
    found = np.concatenate(
        plugins.grid_anchor(
            {**ANCHOR_ATTRIBUTES, "featureMapShapes": (6, 9, 3, 5), "numLayers": 2}, is_rectangular=True
        ),
        axis=2,
    )[0, 0].reshape(-1, 4)
    wanted = api_anchors(shapes, 2, 3, aspect_ratios=RATIOS)
    assert found.shape == wanted.shape
    assert found[:, 0].max() > 1.1
    square = plugins.grid_anchor({**ANCHOR_ATTRIBUTES, "featureMapShapes": (6, 6, 3, 3), "numLayers": 2}, True)
    same = plugins.grid_anchor({**ANCHOR_ATTRIBUTES, "featureMapShapes": (6, 3), "numLayers": 2})
    assert all(np.array_equal(*pair) for pair in zip(square, same, strict=True))


@pytest.mark.parametrize("changed", [{"numLayers": 5}, {"aspectRatios": (1.0, 2.0)}, {"variance": (0.1, 0.1)}])
def test_anchors_that_the_plugin_refuses(changed) -> None:
    with pytest.raises(ValueError, match="asserts"):
        plugins.grid_anchor({**ANCHOR_ATTRIBUTES, **changed})


def test_flatten_concat_joins_what_agrees() -> None:
    boxes = [RANDOM.normal(size=(1, count, 1, 4)).astype(np.float32) for count in (6, 2)]
    joined = plugins.flatten_concat({"axis": 1, "ignoreBatch": 0}, *boxes)
    assert joined.shape == (1, 32, 1, 1)
    assert np.array_equal(joined.reshape(-1, 4), np.concatenate(boxes, axis=1).reshape(-1, 4))
    assert plugins.flatten_concat({}, boxes[0].reshape(1, 3, 8)).shape == (1, 24, 1, 1)
    for attributes, inputs in (
        ({"axis": 0}, boxes),
        ({"axis": 2}, boxes),
        ({"axis": 1}, [boxes[0], boxes[1].reshape(1, 1, 2, 4)]),
    ):
        with pytest.raises(ValueError, match="asserts"):
            plugins.flatten_concat(attributes, *inputs)


CLASSES, ANCHORS = 5, 60  # with four classes, scores could pass for boxes
NMS_ATTRIBUTES = {
    "shareLocation": 1,
    "varianceEncodedInTarget": 0,
    "backgroundLabelId": 0,
    "numClasses": CLASSES,
    "topK": ANCHORS,
    "keepTopK": 20,
    "confidenceThreshold": 0.3,
    "nmsThreshold": 0.3,
    "confSigmoid": 1,
    "isNormalized": 1,
    "inputOrder": (0, 1, 2),
}


def api_anchor_grid() -> np.ndarray:
    """xmin, ymin, xmax, ymax of 60 anchors."""
    return plugin_anchors(featureMapShapes=(4, 2), numLayers=2, aspectRatios=(1.0, 2.0, 0.5))[:ANCHORS, [1, 0, 3, 2]]


def heads() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Box encodings, logits and anchors as NMS_TRT takes them. The boxes overlap, and some leave the image."""
    anchors = api_anchor_grid()
    prior = np.stack([anchors, np.tile(np.float32(VARIANCE), [ANCHORS, 1])]).reshape(1, 2, -1, 1)
    encodings = RANDOM.normal(0, 1.5, [1, ANCHORS * 4, 1, 1]).astype(np.float32)
    logits = RANDOM.normal(-2, 1.5, [1, ANCHORS * CLASSES, 1, 1]).astype(np.float32)
    return encodings, logits, prior.astype(np.float32)


def api_detections(encodings, logits, prior, most: int = 20) -> np.ndarray:
    """Class, score, xmin, ymin, xmax, ymax of what the API detects, float32 [n, 6]."""
    from object_detection.box_coders import faster_rcnn_box_coder
    from object_detection.core import box_list, post_processing

    with tf.Graph().as_default(), tf.Session() as session:
        anchors = box_list.BoxList(tf.constant(prior[0, 0].reshape(-1, 4)[:, [1, 0, 3, 2]]))
        coder = faster_rcnn_box_coder.FasterRcnnBoxCoder(scale_factors=[10.0, 10.0, 5.0, 5.0])
        boxes = coder.decode(tf.constant(encodings.reshape(-1, 4)), anchors).get()
        scores = tf.sigmoid(tf.constant(logits.reshape(-1, CLASSES)))[:, 1:]
        found, count = post_processing.multiclass_non_max_suppression(
            boxes[:, None], scores, 0.3, 0.3, ANCHORS, most, clip_window=tf.constant([0.0, 0, 1, 1])
        )
        fields = [found.get_field("classes")[:, None] + 1, found.get_field("scores")[:, None], found.get()]
        rows, count = session.run([tf.concat(fields, axis=1), count])
    return rows[:count][:, [0, 1, 3, 2, 5, 4]]


def plugin_detections(inputs, **changed) -> np.ndarray:
    detections, count = nms.nms({**NMS_ATTRIBUTES, **changed}, *inputs)
    assert (detections[0, 0, count.item() :, 1] == -1).all()
    return detections[0, 0, : count.item(), 1:]


@pytest.mark.parametrize("attempt", range(5))
def test_the_detections_are_the_api_s(attempt) -> None:
    inputs = heads()
    everything = plugin_detections(inputs, keepTopK=ANCHORS)
    wanted = api_detections(*inputs, most=ANCHORS)
    assert len(wanted) > 20
    np.testing.assert_allclose(everything, wanted, atol=1e-5)
    best = plugin_detections(inputs)
    np.testing.assert_allclose(best, wanted[:20], atol=1e-5)
    assert (best[:, 2:] == 0).any(), "no box leaves the image"
    overlapping = plugin_detections(inputs, nmsThreshold=1.0, keepTopK=ANCHORS)
    assert len(overlapping) > len(wanted), "nothing was suppressed"
    assert set(best[:, 0]) == {1, 2, 3, 4}
    assert 0 in plugin_detections(inputs, backgroundLabelId=-1)[:, 0]


def test_only_the_best_candidates_of_a_class_enter_the_suppression() -> None:
    """Where TensorFlow lets all of them enter: with a small topK the plugin detects less."""
    inputs = heads()
    assert len(plugin_detections(inputs, topK=20)) <= len(plugin_detections(inputs, topK=ANCHORS))
    few = plugin_detections(inputs, topK=3, keepTopK=3, nmsThreshold=0.0)
    assert len(few) <= 3


def test_the_order_of_the_inputs_is_what_the_attribute_says() -> None:
    encodings, logits, prior = heads()
    wanted = plugin_detections((encodings, logits, prior))
    turned = plugin_detections((logits, encodings, prior), inputOrder=(1, 0, 2))
    assert np.array_equal(turned, wanted)


@pytest.mark.parametrize(
    "changed",
    [
        {"inputOrder": (1, 0, 2)},
        {"inputOrder": (0, 2, 1)},
        {"numClasses": CLASSES - 1},  # the background forgotten
        {"keepTopK": ANCHORS + 1},
        {"topK": ANCHORS + 1},
        {"codeType": 1},
        {"scoreThreshold": 0.3},
    ],
)
def test_what_the_plugin_refuses(changed) -> None:
    with pytest.raises(ValueError, match="asserts"):
        nms.nms({**NMS_ATTRIBUTES, **changed}, *heads())


def test_attributes_without_a_default_have_to_be_there() -> None:
    attributes = {name: value for name, value in NMS_ATTRIBUTES.items() if name != "confidenceThreshold"}
    with pytest.raises(ValueError, match="confidenceThreshold"):
        nms.nms(attributes, *heads())
    with pytest.raises(ValueError, match="three inputs"):
        nms.nms(NMS_ATTRIBUTES, *heads(), np.zeros([1, 300, 300, 3]))
