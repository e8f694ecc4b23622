"""Cutting a class head: exactly the columns of the categories kept, in their order, and nothing else."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from todus.errors import UserError
from todus.zoo import class_head


def by_loops(values: np.ndarray, class_count: int, keep: list[int]) -> np.ndarray:
    """The same as class_head.cut, one number at a time."""
    anchors = values.shape[-1] // (class_count + 1)
    rows = values.reshape(-1, values.shape[-1])
    out = np.empty([len(rows), anchors * (len(keep) + 1)], values.dtype)
    for row, anchor in itertools.product(range(len(rows)), range(anchors)):
        for new, old in enumerate([0, *keep]):
            out[row, anchor * (len(keep) + 1) + new] = rows[row, anchor * (class_count + 1) + old]
    return out.reshape(*values.shape[:-1], -1)


@pytest.mark.parametrize("anchors", [1, 3, 6])
@pytest.mark.parametrize("shape", [(), (1, 1, 5), (3, 3, 2)], ids=["biases", "1x1", "3x3"])
@pytest.mark.parametrize("keep", [[1], [90], [13, 10, 52], list(range(1, 91)), [7, 7]])
def test_the_cut_is_the_columns_of_the_classes_kept(anchors, shape, keep):
    values = np.random.default_rng(0).normal(size=(*shape, anchors * 91)).astype(np.float32)
    cut = class_head.cut(values, 90, keep)
    assert cut.dtype == np.float32
    assert cut.flags.c_contiguous
    np.testing.assert_array_equal(cut, by_loops(values, 90, keep), strict=True)


def test_a_cut_one_can_check_by_hand():
    """Two anchors, background and three classes: the number says anchor, then class."""
    biases = np.array([10, 11, 12, 13, 20, 21, 22, 23])
    assert class_head.cut(biases, 3, [3, 1]).tolist() == [10, 13, 11, 20, 23, 21]


@pytest.mark.parametrize("seed", range(5))
def test_keeping_all_classes_in_another_order_can_be_undone(seed):
    random = np.random.default_rng(seed)
    values = random.normal(size=(2, 3, 4 * 8)).astype(np.float32)
    order = random.permutation(np.arange(1, 8))
    back = np.argsort(order) + 1
    there = class_head.cut(values, 7, order.tolist())
    np.testing.assert_array_equal(class_head.cut(there, 7, back.tolist()), values)
    if (order != np.arange(1, 8)).any():
        assert (there != values).any()


def test_the_values_given_are_left_alone():
    values = np.arange(8.0)
    class_head.cut(values, 3, [1, 2, 3])[:] = 0
    assert values.tolist() == list(range(8))


@pytest.mark.parametrize("class_count", [3, 80, 89, 91])
def test_a_wrong_number_of_classes_is_refused(class_count):
    with pytest.raises(UserError, match=f"273 outputs, which is no multiple of {class_count} classes"):
        class_head.cut(np.zeros([1, 1, 4, 3 * 91]), class_count, [1])


@pytest.mark.parametrize("keep", [[0], [91], [1, -1]], ids=["background", "beyond", "negative"])
def test_an_id_outside_is_an_error(keep):
    with pytest.raises(IndexError, match=r"1\.\.90"):
        class_head.cut(np.zeros(91), 90, keep)


@pytest.mark.parametrize(
    ("name", "is_head"),
    [
        ("BoxPredictor_0/ClassPredictor/weights", True),
        ("BoxPredictor_5/ClassPredictor/biases", True),
        ("WeightSharedConvolutionalBoxPredictor/ClassPredictor/weights", True),
        ("BoxPredictor_0/ClassPredictor_depthwise/depthwise_weights", False),
        ("BoxPredictor_0/ClassPredictor_depthwise/BatchNorm/gamma", False),
        ("BoxPredictor_0/BoxEncodingPredictor/weights", False),
        ("WeightSharedConvolutionalBoxPredictor/ClassPredictionTower/conv2d_0/weights", False),
        ("BoxPredictor_0/ClassPredictor/weights/Momentum", False),
        ("BoxPredictor_0/NotAClassPredictor/weights", False),
    ],
)
def test_what_a_class_head_is(name, is_head):
    assert class_head.is_class_head(name) == is_head


# An SSDLite's: the depthwise half has 3x3x4x1 weights for 4 channels, and no class axis.
HEAD = "BoxPredictor_0/ClassPredictor"
DETECTOR = {
    f"{HEAD}/weights": np.random.default_rng(1).normal(size=[1, 1, 4, 2 * 6]).astype(np.float32),
    f"{HEAD}/biases": np.arange(12, dtype=np.float32),
    f"{HEAD}_depthwise/depthwise_weights": np.ones([3, 3, 12, 1], np.float32),
    "BoxPredictor_0/BoxEncodingPredictor/weights": np.ones([1, 1, 4, 2 * 6], np.float32),
    "FeatureExtractor/Conv/weights": np.ones([3, 3, 3, 6], np.float32),
    "FeatureExtractor/Conv/BatchNorm/moving_mean": np.ones([6], np.float32),
}


def test_only_the_head_is_cut_and_training_begins_at_step_0():
    cut = class_head.cut_checkpoint({**DETECTOR, "global_step": np.array(200_000, np.int64)}, 5, [4, 2])
    assert set(cut) == {*DETECTOR, "global_step"}
    assert cut["global_step"].dtype == np.int64
    assert cut["global_step"].shape == ()
    assert cut["global_step"] == 0
    for name, values in DETECTOR.items():
        wanted = by_loops(values, 5, [4, 2]) if name in (f"{HEAD}/weights", f"{HEAD}/biases") else values
        np.testing.assert_array_equal(cut[name], wanted, err_msg=name)


def test_what_training_had_added_is_dropped():
    parts = ("ExponentialMovingAverage", "RMSProp", "RMSProp_1", "Momentum", "Adam", "Adam_1")
    added = {f"{name}/{part}": values for name, values in DETECTOR.items() for part in parts}
    powers = {"beta1_power": np.float32(0.9), "beta2_power": np.float32(0.99)}
    assert set(class_head.cut_checkpoint({**DETECTOR, **added, **powers}, 5, [1])) == {*DETECTOR, "global_step"}


def test_variables_that_only_sound_like_training_stay():
    names = ("Momentum/weights", "MomentumNet/Adam_12/weights", "beta1_power_of/two")
    cut = class_head.cut_checkpoint({**DETECTOR, **{name: np.zeros(1) for name in names}}, 5, [1])
    assert set(names) <= set(cut)


def test_a_checkpoint_without_a_class_head_is_refused():
    faster_rcnn = {"SecondStageBoxPredictor/ClassPredictor_x/weights": np.zeros([8, 91], np.float32)}
    with pytest.raises(UserError, match="no SSD class head"):
        class_head.cut_checkpoint(faster_rcnn, 90, [1])
