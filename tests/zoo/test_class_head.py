"""Cutting a class head: exactly the columns of the categories kept, in their order, and nothing else."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from todus.bridge import pipeline as pipelines
from todus.errors import UserError
from todus.zoo import class_axis, class_head
from todus.zoo.class_axis import ClassAxis
from zoo import cut_equality, families

SCORES = ClassAxis("ClassPredictor", background=True, groups=None)


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
    cut = class_head.cut(values, SCORES, 90, keep)
    assert cut.dtype == np.float32
    assert cut.flags.c_contiguous
    np.testing.assert_array_equal(cut, by_loops(values, 90, keep), strict=True)


def test_a_cut_one_can_check_by_hand():
    """Two anchors, background and three classes: the number says anchor, then class."""
    biases = np.array([10, 11, 12, 13, 20, 21, 22, 23])
    assert class_head.cut(biases, SCORES, 3, [3, 1]).tolist() == [10, 13, 11, 20, 23, 21]


@pytest.mark.parametrize("seed", range(5))
def test_keeping_all_classes_in_another_order_can_be_undone(seed):
    random = np.random.default_rng(seed)
    values = random.normal(size=(2, 3, 4 * 8)).astype(np.float32)
    order = random.permutation(np.arange(1, 8))
    back = np.argsort(order) + 1
    there = class_head.cut(values, SCORES, 7, order.tolist())
    np.testing.assert_array_equal(class_head.cut(there, SCORES, 7, back.tolist()), values)
    if (order != np.arange(1, 8)).any():
        assert (there != values).any()


def test_the_values_given_are_left_alone():
    values = np.arange(8.0)
    class_head.cut(values, SCORES, 3, [1, 2, 3])[:] = 0
    assert values.tolist() == list(range(8))


@pytest.mark.parametrize("background", [True, False])
@pytest.mark.parametrize("code", [1, 4])
@pytest.mark.parametrize("groups", [1, 6])
def test_every_layout_can_be_cut(background, code, groups):
    """Numbers that say what they are: 1000 x group + 10 x class + place within the code."""
    first = 0 if background else 1
    axis = ClassAxis("x", background, code, groups)
    values = [1000 * g + 10 * c + i for g in range(groups) for c in range(first, 8) for i in range(code)]
    wanted = [1000 * g + 10 * c + i for g in range(groups) for c in [0, 5, 2][first:] for i in range(code)]
    assert class_head.cut(np.array([values, values]), axis, 7, [5, 2]).tolist() == [wanted, wanted]

    fresh = [-value for value in wanted]
    mixed = [-value if value // 10 % 10 == 5 else value for value in wanted]
    assert class_head.cut(np.array([values, values]), axis, 7, [None, 2], np.array([fresh, fresh])).tolist() == [
        mixed,
        mixed,
    ]


@pytest.mark.parametrize("keep", [[0], [91], [1, -1]], ids=["background", "beyond", "negative"])
def test_an_id_outside_is_an_error(keep):
    with pytest.raises(IndexError, match=r"1\.\.90"):
        class_head.cut(np.zeros(91), SCORES, 90, keep)


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
CUT = (f"{HEAD}/weights", f"{HEAD}/biases")
PARTS = ("ExponentialMovingAverage", "RMSProp", "RMSProp_1", "Momentum", "Adam", "Adam_1")


def ssd(more: str = "") -> pipelines.Pipeline:
    return pipelines.parse(f"model {{ ssd {{ num_classes: 5 }} }} {more}")


def with_slots(scale: float = 1.0) -> dict[str, np.ndarray]:
    """What training adds: for each variable values of its shape, unlike its own."""
    random = np.random.default_rng(2)
    added = {
        f"{name}/{part}": scale * random.normal(size=values.shape).astype(np.float32)
        for name, values in DETECTOR.items()
        for part in PARTS
    }
    return {**DETECTOR, **added, "beta1_power": np.float32(0.9), "global_step": np.array(200_000, np.int64)}


def test_only_the_head_is_cut_and_training_begins_at_step_0():
    cut = class_head.cut_checkpoint({**DETECTOR, "global_step": np.array(200_000, np.int64)}, ssd(), [4, 2])
    assert set(cut) == {*DETECTOR, "global_step"}
    assert cut["global_step"].dtype == np.int64
    assert cut["global_step"].shape == ()
    assert cut["global_step"] == 0
    for name, values in DETECTOR.items():
        wanted = by_loops(values, 5, [4, 2]) if name in CUT else values
        np.testing.assert_array_equal(cut[name], wanted, err_msg=name)


def test_what_training_had_added_is_dropped_at_step_0():
    assert set(class_head.cut_checkpoint(with_slots(), ssd(), [1])) == {*DETECTOR, "global_step"}


@pytest.mark.parametrize("averages", [True, False])
def test_the_weights_are_those_that_the_zoo_evaluated(averages):
    """Moving averages where the pipeline evaluates them, as the API's exporter takes them; else the last weights."""
    trained = with_slots()
    pipeline = ssd(f"eval_config {{ use_moving_averages: {str(averages).lower()} }}")
    for name, values in class_head.cut_checkpoint(trained, pipeline, [4, 2]).items():
        if name != "global_step":
            evaluated = trained[f"{name}/ExponentialMovingAverage"] if averages else trained[name]
            wanted = by_loops(evaluated, 5, [4, 2]) if name in CUT else evaluated
            np.testing.assert_array_equal(values, wanted, err_msg=name)


def test_a_checkpoint_without_averages_keeps_its_weights_whatever_the_pipeline_evaluates():
    cut = class_head.cut_checkpoint(DETECTOR, ssd("eval_config { use_moving_averages: true }"), [4, 2])
    np.testing.assert_array_equal(cut[f"{HEAD}/biases"], by_loops(DETECTOR[f"{HEAD}/biases"], 5, [4, 2]))


def test_in_the_middle_of_training_slots_and_averages_are_cut_alike():
    trained = with_slots()
    cut = class_head.cut_checkpoint(trained, ssd("eval_config { use_moving_averages: true }"), [4, 2], slots=True)
    assert set(cut) == set(trained)
    assert cut["global_step"] == 200_000
    for name, values in trained.items():
        is_of_head = name in CUT or name.rpartition("/")[0] in CUT
        np.testing.assert_array_equal(cut[name], by_loops(values, 5, [4, 2]) if is_of_head else values, err_msg=name)


OPTIMIZERS = {
    "momentum": "momentum_optimizer { learning_rate { constant_learning_rate { learning_rate: 0.1 } } }",
    "rmsprop": "rms_prop_optimizer { learning_rate { constant_learning_rate { learning_rate: 0.1 } } }",
    "adam": "adam_optimizer { learning_rate { constant_learning_rate { learning_rate: 0.1 } } }",
}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_training_goes_on_as_that_of_the_columns_kept(optimizer):
    """Cut after two steps and trained for two more, a head is what it is trained for four and cut then."""
    targets = np.random.default_rng(4).normal(size=12).astype(np.float32)
    biases = {f"{HEAD}/biases": DETECTOR[f"{HEAD}/biases"]}
    middle = steps(OPTIMIZERS[optimizer], biases, targets)
    end = class_head.cut_checkpoint(steps(OPTIMIZERS[optimizer], middle, targets), ssd(), [4, 2], slots=True)
    cut = class_head.cut_checkpoint(middle, ssd(), [4, 2], slots=True)
    assert len(cut) > 2
    ends = steps(OPTIMIZERS[optimizer], cut, by_loops(targets, 5, [4, 2]))
    assert set(ends) == set(end)
    for name, values in end.items():
        np.testing.assert_allclose(ends[name], values, rtol=1e-5, err_msg=name)


def steps(settings: str, variables: dict[str, np.ndarray], targets: np.ndarray) -> dict[str, np.ndarray]:
    """Two steps towards `targets` by the API's optimizer, from whatever of its state `variables` holds."""
    from todus.bridge.graph_mode import tf

    from object_detection.builders import optimizer_builder

    text = f"train_config {{ optimizer {{ {settings} moving_average_decay: 0.9 }} }}"
    with tf.Graph().as_default(), tf.Session() as session:
        head = tf.get_variable(f"{HEAD}/biases", targets.shape)
        step = tf.train.get_or_create_global_step()
        optimizer = optimizer_builder.build(pipelines.parse(text).train_config.optimizer, step)[0]
        train = optimizer.minimize(tf.reduce_sum((head - targets) ** 2), global_step=step)
        state = {v.op.name: v for v in tf.global_variables()}
        session.run(tf.global_variables_initializer())
        for name, values in variables.items():
            state[name].load(values, session)
        for _ in range(2):
            session.run(train)
        return session.run(state)


def fresh() -> dict[str, np.ndarray]:
    """Initial values of a detector for three classes."""
    random = np.random.default_rng(6)
    shapes = {f"{HEAD}/weights": [1, 1, 4, 2 * 4], f"{HEAD}/biases": [2 * 4]}
    return {name: random.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def test_a_class_that_was_never_seen_starts_from_the_initial_values_and_the_rest_as_trained():
    initial = fresh()
    cut = class_head.cut_checkpoint(DETECTOR, ssd(), [4, None, 2], initial)
    for name in CUT:
        by_anchor, trained, new = (
            values.reshape(*values.shape[:-1], 2, -1) for values in (cut[name], DETECTOR[name], initial[name])
        )
        np.testing.assert_array_equal(by_anchor[..., [0, 1, 3]], trained[..., [0, 4, 2]])
        np.testing.assert_array_equal(by_anchor[..., 2], new[..., 2])


@pytest.mark.parametrize(("part", "begins_at"), [("RMSProp", 1), ("RMSProp_1", 0), ("Momentum", 0), ("Adam", 0)])
def test_the_slot_of_a_class_that_was_never_seen_is_as_before_the_first_step(part, begins_at):
    cut = class_head.cut_checkpoint(with_slots(), ssd(), [4, None, 2], fresh(), slots=True)
    slot = cut[f"{HEAD}/biases/{part}"].reshape(2, -1)
    assert (slot[:, 2] == begins_at).all()
    assert (slot[:, [0, 1, 3]] != begins_at).all()


def test_the_average_of_a_class_that_was_never_seen_is_its_initial_value():
    cut = class_head.cut_checkpoint(with_slots(), ssd(), [4, None, 2], fresh(), slots=True)
    average = cut[f"{HEAD}/biases/ExponentialMovingAverage"].reshape(2, -1)
    np.testing.assert_array_equal(average[:, 2], fresh()[f"{HEAD}/biases"].reshape(2, -1)[:, 2])


@pytest.mark.parametrize("initial", [None, {}, {name: values[..., :-1] for name, values in fresh().items()}])
def test_a_class_that_was_never_seen_needs_initial_values_of_its_size(initial):
    with pytest.raises(ValueError, match="need initial values"):
        class_head.cut_checkpoint(DETECTOR, ssd(), [4, None, 2], initial)


@pytest.mark.parametrize("family", ["fpn", "faster rcnn"])
@pytest.mark.filterwarnings("ignore:`tf.layers.flatten` is deprecated")  # made by the API
def test_the_api_s_initial_values_fit_whatever_the_head(family):
    """With one class that was never seen, every variable has the shape that the configured detector wants, and the
    new class the first values that its pipeline gives it."""
    from todus.bridge import detection_model

    pipeline = families.pipeline(families.ALL[family])
    trained = detection_model.initial_variables(pipeline, seed=1)
    initial = detection_model.initial_variables(cut_equality.with_classes(pipeline, 2, trained), seed=2)
    cut = class_head.cut_checkpoint(trained, pipeline, [3, None], initial)
    assert {name: values.shape for name, values in cut.items() if name != "global_step"} == {
        name: values.shape for name, values in initial.items()
    }
    for axis in class_axis.axes(pipeline):
        for name in filter(axis.holds, cut):
            by_class, first, before = (
                values.reshape(*values.shape[:-1], -1, classes + axis.background, axis.code)
                for values, classes in ((cut[name], 2), (initial[name], 2), (trained[name], class_count(pipeline)))
            )
            np.testing.assert_array_equal(by_class[..., -1, :], first[..., -1, :])
            np.testing.assert_array_equal(by_class[..., -2, :], before[..., 2 + axis.background, :])


def class_count(pipeline: pipelines.Pipeline) -> int:
    return class_axis.class_count(pipeline)


def test_variables_that_only_sound_like_training_stay():
    names = ("Momentum/weights", "MomentumNet/Adam_12/weights", "beta1_power_of/two")
    cut = class_head.cut_checkpoint({**DETECTOR, **{name: np.zeros(1) for name in names}}, ssd(), [1])
    assert set(names) <= set(cut)


@pytest.mark.parametrize("class_count", [4, 6, 80, 90])
def test_a_pipeline_for_another_number_of_classes_is_refused_in_one_line(class_count):
    pipeline = pipelines.parse(f"model {{ ssd {{ num_classes: {class_count} }} }}")
    with pytest.raises(
        UserError, match=rf"{HEAD}/weights has 12 outputs, not a multiple of {class_count} class"
    ) as refused:
        class_head.cut_checkpoint(DETECTOR, pipeline, [1])
    assert "\n" not in str(refused.value)


def test_a_head_without_an_axis_is_refused():
    with pytest.raises(UserError, match=rf"{HEAD}/biases has no outputs, not a multiple of 5 class"):
        class_head.cut_checkpoint({**DETECTOR, f"{HEAD}/biases": np.float32(3)}, ssd(), [1])


def test_a_second_stage_for_another_number_of_classes_is_refused():
    """Multiples will not do where the classes are not repeated: 26 is 2 x 13, but not 13."""
    head = "SecondStageBoxPredictor"
    boxes = {f"{head}/BoxEncodingPredictor/weights": np.zeros([8, 48], np.float32)}
    pipeline = families.pipeline(families.TWO_STAGES["faster rcnn"])
    with pytest.raises(UserError, match="has 26 outputs, not those of 12 classes and background"):
        class_head.cut_checkpoint({f"{head}/ClassPredictor/weights": np.zeros([8, 26]), **boxes}, pipeline, [1])
    fits = class_head.cut_checkpoint({f"{head}/ClassPredictor/weights": np.zeros([8, 13]), **boxes}, pipeline, [1])
    assert fits[f"{head}/BoxEncodingPredictor/weights"].shape == (8, 4)


@pytest.mark.parametrize("family", ["ssd mobilenet v1", "faster rcnn", "rfcn"])
def test_a_checkpoint_of_another_family_is_refused(family):
    pipeline = families.pipeline(families.ALL[family])
    with pytest.raises(UserError, match=r"no class head .*do not belong together"):
        class_head.cut_checkpoint({"FeatureExtractor/Conv/weights": np.zeros([8, 91], np.float32)}, pipeline, [1])
