"""The faster miner keeps just the examples that the API's own miner keeps."""

from __future__ import annotations

import numpy as np
import pytest

from todus.bridge import hard_examples
from todus.bridge.graph_mode import tf

from object_detection.core import box_list, losses
from object_detection.core.matcher import Match

ANCHORS = 300


def boxes_of(kind: str, random: np.random.Generator) -> np.ndarray:
    """Float32 [anchors, 4]: apart; in clumps that overlap by more than 0.99; or each overlapping only the next."""
    centres, sides = random.uniform(0, 1, (ANCHORS, 2)), random.uniform(0.02, 0.4, (ANCHORS, 2))
    boxes = np.concatenate([centres - sides / 2, centres + sides / 2], 1)
    if kind == "clumps":
        chosen = random.integers(0, ANCHORS // 20, ANCHORS)
        boxes = boxes[chosen] + random.normal(0, 3e-4, boxes.shape)
    if kind == "chain":
        boxes = np.zeros_like(boxes)
        boxes[:, 2], boxes[:, 3] = 1, random.permutation(0.5 * 1.004 ** np.arange(ANCHORS))
    return boxes.astype(np.float32)


def matches(random: np.random.Generator, positives: int, ignored: int) -> np.ndarray:
    """Int32 [anchors]: 0 for those that are matched, -1 for those that are not, -2 for those to be ignored."""
    order = random.permutation(ANCHORS)
    match = np.full(ANCHORS, -1, np.int32)
    match[order[:positives]] = 0
    match[order[positives : positives + ignored]] = -2
    return match


class Miners:
    """The API's and ours in one graph; each gives both losses, and which anchors count: their gradients."""

    def __init__(self, loss_type: str, iou_threshold: float, at_least: int, hard_examples_at_most: int | None = 3000):
        self.graph = tf.Graph()
        with self.graph.as_default():
            self.boxes = tf.placeholder(tf.float32, [ANCHORS, 4])
            self.match = tf.placeholder(tf.int32, [ANCHORS])
            self.losses = [tf.placeholder(tf.float32, [1, ANCHORS]) for _ in range(2)]
            original = losses.HardExampleMiner(hard_examples_at_most, iou_threshold, loss_type, 1.0, 1.0, 3, at_least)
            self.outputs = [self._mined(original), self._mined(hard_examples.HardExampleMiner(original))]
        self.session = tf.Session(graph=self.graph)

    def _mined(self, miner) -> list:
        mined = miner(*self.losses, [box_list.BoxList(self.boxes)], [Match(self.match)])
        counted = [tf.convert_to_tensor(tf.gradients(loss, of)[0]) for loss, of in zip(mined, self.losses, strict=True)]
        counts = [miner._num_positives_list[0], miner._num_negatives_list[0]]
        return [*mined, *counted, *counts]

    def run(self, boxes: np.ndarray, match: np.ndarray, location: np.ndarray, classification: np.ndarray) -> list:
        values = {self.losses[0]: location[np.newaxis], self.losses[1]: classification[np.newaxis]}
        return self.session.run(self.outputs, {self.boxes: boxes, self.match: match, **values})


SETTINGS = [("cls", 0.99, 0), ("loc", 0.99, 3), ("both", 0.6, 0)]


@pytest.fixture(scope="module", params=SETTINGS, ids=str)
def miners(request) -> Miners:
    return Miners(*request.param)


def assert_the_same(theirs: list, ours: list) -> None:
    for one, other in zip(theirs[:2], ours[:2], strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-5)
    for one, other in zip(theirs[2:], ours[2:], strict=True):
        np.testing.assert_array_equal(other, one)


@pytest.mark.parametrize("kind", ["apart", "clumps", "chain"])
def test_the_same_examples_are_kept(kind, miners):
    random = np.random.default_rng(0)
    suppressed = 0
    for trial in range(20):
        match = matches(random, positives=random.integers(0, 40), ignored=30 * (trial % 2))
        location, classification = random.exponential(size=(2, ANCHORS)).astype(np.float32)
        if trial % 3 == 0:  # losses that are equal: the first of them counts
            location, classification = np.round(location, 1), np.round(classification, 1)
        theirs, ours = miners.run(boxes_of(kind, random), match, location, classification)
        assert_the_same(theirs, ours)
        suppressed += np.sum(match == 0) - theirs[4]
    assert kind == "apart" or suppressed > 0, "else nothing was suppressed, and anything passes"


def test_without_positives_nothing_is_kept(miners):
    random = np.random.default_rng(1)
    location, classification = random.exponential(size=(2, ANCHORS)).astype(np.float32)
    theirs, ours = miners.run(boxes_of("apart", random), matches(random, 0, 0), location, classification)
    assert_the_same(theirs, ours)


def test_losses_that_are_no_numbers_are_treated_alike(miners):
    random = np.random.default_rng(2)
    location, classification = random.exponential(size=(2, ANCHORS)).astype(np.float32)
    location[:50] = classification[:50] = np.nan
    theirs, ours = miners.run(boxes_of("apart", random), matches(random, 20, 0), location, classification)
    assert_the_same(theirs, ours)


def test_where_a_number_of_examples_limits_too_the_original_decides():
    random = np.random.default_rng(3)
    few = Miners("cls", 0.99, 0, hard_examples_at_most=40)
    location, classification = random.exponential(size=(2, ANCHORS)).astype(np.float32)
    theirs, ours = few.run(boxes_of("clumps", random), matches(random, 30, 0), location, classification)
    assert_the_same(theirs, ours)
    assert theirs[4] < 30, "else the limit had no effect"
