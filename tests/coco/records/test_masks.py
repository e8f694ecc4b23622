"""Instance masks, judged by pycocotools, by Pillow's and by TensorFlow's reader of PNG."""

import json

import msgspec
import numpy as np
import pytest
from pycocotools import mask as coco_mask

from coco.records.record_oracle import decoded_mask
from todus.coco.annotations import Annotation
from todus.coco.records import masks

WIDTH, HEIGHT = 30, 40


def annotation(segmentation: object, crowd: bool = False) -> Annotation:
    return text_annotation(json.dumps(segmentation), crowd)


def text_annotation(text: str, crowd: bool = False) -> Annotation:
    return Annotation(1, 1, 1, (0.0, 0.0, 9.0, 9.0), 81.0, int(crowd), msgspec.Raw(text.encode()))


def drawn(segmentation: object, crowd: bool = False, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    return decoded_mask(masks.encode(annotation(segmentation, crowd), width, height))


def by_pycocotools(polygons: list, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    return coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects(polygons, height, width)))


SQUARE = [2, 3, 12, 3, 12, 13, 2, 13]
OTHER_SQUARE = [8, 8, 20, 8, 20, 39.5, 8, 39.5]


@pytest.mark.parametrize(
    "polygons",
    [
        [SQUARE],
        [SQUARE, OTHER_SQUARE],
        [[0, 0, 30, 0, 30, 40, 0, 40]],  # all of the image
        [[-5, -7.5, 40, 3, 40, 60, -20, 50]],  # and more
        [[29, 39, 30, 39, 30, 40, 29, 40]],  # the last pixel
        [[0, 0, 1, 0, 1, 1, 0, 1]],  # the first
        [[3, 0, 4, 0, 4, 40, 3, 40]],  # a whole column
        [[3, 0, 5, 0, 5, 40, 3, 40]],  # two, of which one run of ones is made
        [[0, 5, 30, 5, 30, 6, 0, 6]],  # a whole row
        [[50, 50, 60, 50, 60, 60]],  # beside the image
        [[4, 4, 9, 4, 9]],  # a coordinate too few: the API drops the odd one
    ],
)
def test_polygons_are_drawn_as_pycocotools_draws_them(polygons):
    assert np.array_equal(drawn(polygons), by_pycocotools(polygons))


def test_any_polygon_is_drawn_as_pycocotools_draws_it():
    random = np.random.default_rng(1)
    for _ in range(300):
        width, height = (int(length) for length in random.integers(20, 70, 2))
        polygons = [
            (random.uniform(-10, 80, 2 * random.integers(3, 9)).round(2)).tolist() for _ in range(random.integers(1, 4))
        ]
        assert np.array_equal(drawn(polygons, False, width, height), by_pycocotools(polygons, width, height))


@pytest.mark.parametrize("crowd", [False, True])
@pytest.mark.parametrize("packed", [False, True])
def test_run_lengths_are_drawn_for_crowds_and_for_single_objects(crowd, packed):
    expected = np.asfortranarray(np.random.default_rng(2).random((HEIGHT, WIDTH)) < 0.3).astype(np.uint8)
    runs = coco_mask.encode(expected)["counts"].decode()
    if not packed:
        edges = np.flatnonzero(np.diff(expected.ravel(order="F"), prepend=0, append=0 if expected[-1, -1] else 1))
        runs = np.diff(edges, prepend=0).tolist()
        runs += [HEIGHT * WIDTH - sum(runs)] if sum(runs) < HEIGHT * WIDTH else []
    assert np.array_equal(drawn({"counts": runs, "size": [HEIGHT, WIDTH]}, crowd), expected)


def test_runs_of_no_length_are_no_objects():
    shown = drawn({"counts": [0, 0, 45, 0, 0, 3, 1152, 0], "size": [HEIGHT, WIDTH]})
    assert np.argwhere(shown).tolist() == [[5, 1], [6, 1], [7, 1]]


def test_a_crowd_may_have_polygons():
    assert np.array_equal(drawn([SQUARE, OTHER_SQUARE], crowd=True), by_pycocotools([SQUARE, OTHER_SQUARE]))


@pytest.mark.parametrize(
    "text",
    [
        "null",
        "[]",
        "[[]]",
        "[[1, 2]]",
        "[[4, 4, 10, 12]]",
        "{}",
        "7",
        '"text"',
        "[[1, 1, 9, 1, null, 9]]",
        '[[1, 1, 9, 1, "9", 9]]',
        "[[1, 1, 9, 1, 9, 1e300]]",  # would be drawn until memory ends
        "[[1, 1, 9, 1, 9, 9], []]",
        '{"counts": [0, 8, 1192]}',
        '{"counts": [0, 8, 1192], "size": [30, 40]}',  # of another image
        '{"counts": [0, 8, 1191], "size": [40, 30]}',  # too few
        '{"counts": [0, 8, 1193], "size": [40, 30]}',  # too many
        '{"counts": [-8, 8, 1200], "size": [40, 30]}',
        '{"counts": [9223372036854775807, 9223372036854775807, 1202], "size": [40, 30]}',  # 1200 if it overflows
        '{"counts": [], "size": [40, 30]}',
        '{"counts": [0, null, 1200], "size": [40, 30]}',
        '{"counts": "", "size": [40, 30]}',
        '{"counts": "oooooooooooooooooooooo", "size": [40, 30]}',
        '{"counts": "08", "size": [40, 30]}',
        '{"counts": "caf\\u00e9", "size": [40, 30]}',
    ],
)
def test_an_outline_that_makes_no_sense_has_no_mask(text):
    assert masks.encode(text_annotation(text), WIDTH, HEIGHT) is None


def test_no_outline_has_no_mask():
    assert masks.encode(Annotation(1, 1, 1, (0.0, 0.0, 9.0, 9.0)), WIDTH, HEIGHT) is None


def test_the_mask_of_nothing_is_all_zeros():
    assert np.array_equal(decoded_mask(masks.blank(WIDTH, HEIGHT)), np.zeros((HEIGHT, WIDTH)))


def test_tensorflow_reads_the_png():
    from todus.bridge.graph_mode import tf

    png = masks.encode(annotation([SQUARE, OTHER_SQUARE]), WIDTH, HEIGHT)
    with tf.Graph().as_default(), tf.Session() as session:
        pixels, empty = session.run([tf.image.decode_png(data) for data in (png, masks.blank(WIDTH, HEIGHT))])
    assert np.array_equal(pixels[:, :, 0], by_pycocotools([SQUARE, OTHER_SQUARE]))
    assert empty.shape == (HEIGHT, WIDTH, 1) and not empty.any()
