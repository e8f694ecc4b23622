"""Suppression among the best candidates gives what suppressing class by class does, or says that it cannot tell."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from todus.bridge.graph_mode import tf
from todus.evaluation.detectors import best_candidates
from todus.evaluation.detectors.suppression import Suppression

ANCHORS, CLASSES = 60, 3
SETTINGS = Suppression("boxes", "scores", CLASSES, np.float32(0.1), np.float32(0.5), max_per_class=9, max_total=12)
RANDOM = np.random.default_rng(1)


@contextmanager
def suppressing() -> Iterator:
    """Gives a function that suppresses some boxes and scores: the survivors, and whether there were no others."""
    with tf.Graph().as_default() as graph, tf.Session() as session:
        tf.placeholder(tf.float32, [None, None, 1, 4], name="boxes")
        tf.placeholder(tf.float32, [None, None, CLASSES], name="scores")
        built = best_candidates.build(graph, SETTINGS)

        def run(boxes: np.ndarray, scores: np.ndarray, count: int) -> tuple[list[tuple], bool]:
            feeds = {"boxes:0": boxes[np.newaxis, :, np.newaxis], "scores:0": scores[np.newaxis]}
            found = session.run(built.fetches, {**feeds, built.count: count, built.keep: count})
            number, is_all = int(found[3][0]), bool(found[4][0])
            return [
                (float(found[1][0, i]), int(found[2][0, i]), *found[0][0, i].tolist()) for i in range(number)
            ], is_all

        yield run


def class_by_class(boxes: np.ndarray, scores: np.ndarray) -> list[tuple]:
    """What TensorFlow's suppression leaves of each class, of all together, best first."""
    with tf.Graph().as_default(), tf.Session() as session:
        kept = [
            tf.image.non_max_suppression_with_scores(
                boxes, scores[:, k], SETTINGS.max_per_class, SETTINGS.iou_threshold, SETTINGS.score_threshold
            )[0]
            for k in range(CLASSES)
        ]
        rows = session.run(kept)
    found = [(float(scores[i, k]), k, *boxes[i].tolist()) for k, some in enumerate(rows) for i in some]
    return sorted(found, key=lambda detection: -detection[0])  # a stable order, as the API's own


def drawn(spread: float = 0.3) -> tuple[np.ndarray, np.ndarray]:
    corners = RANDOM.uniform(0, spread, [ANCHORS, 2])
    boxes = np.concatenate([corners, corners + RANDOM.uniform(0.2, 0.4, [ANCHORS, 2])], axis=1).astype(np.float32)
    return boxes, RANDOM.uniform(0, 1, [ANCHORS, CLASSES]).astype(np.float32)


def test_all_candidates_give_what_each_class_by_itself_does():
    with suppressing() as run:
        for boxes, scores in (drawn() for _ in range(20)):
            found, is_all = run(boxes, scores, ANCHORS * CLASSES)
            assert is_all
            assert found == class_by_class(boxes, scores)


@pytest.mark.parametrize("levels", [1, 3, 10])
def test_equal_scores_are_taken_by_class_then_by_anchor(levels):
    with suppressing() as run:
        for _ in range(10):
            boxes, scores = drawn()
            scores = np.ceil(scores * levels) / np.float32(levels)
            assert run(boxes, scores, ANCHORS * CLASSES)[0] == class_by_class(boxes, scores)


@pytest.mark.parametrize("count", [5, 20, 50, 100])
@pytest.mark.parametrize("levels", [4, 1_000_000])
def test_fewer_candidates_give_the_first_of_them(count, levels):
    with suppressing() as run:
        for _ in range(10):
            boxes, scores = drawn()
            scores = np.ceil(scores * levels) / np.float32(levels)
            found, is_all = run(boxes, scores, count)
            wanted = class_by_class(boxes, scores)
            assert found == wanted[: len(found)]
            assert not is_all


def test_that_there_are_no_others_is_told_where_the_rest_is_below_the_threshold():
    boxes, scores = drawn()
    scores[7:] = 0.05
    with suppressing() as run:
        found, is_all = run(boxes, scores, 40)
        assert is_all
        assert found == class_by_class(boxes, scores)
        assert not run(boxes, scores, 3)[1]


def test_a_score_at_the_threshold_is_dropped_and_nothing_may_be_left():
    boxes, scores = drawn()
    with suppressing() as run:
        for level in (SETTINGS.score_threshold, 0):
            assert run(boxes, np.full_like(scores, level), 30) == ([], True)


def test_boxes_are_clipped_to_the_image_and_those_without_area_dropped():
    boxes = np.array([[0.2, -0.5, 0.6, 0.4], [1.1, 0.1, 1.4, 0.5], [0.3, 0.3, 0.3, 0.9]], np.float32)
    inside, rows = best_candidates.clipped(boxes)
    assert rows.tolist() == [0]
    np.testing.assert_array_equal(inside[0], np.array([0.2, 0, 0.6, 0.4], np.float32))
