"""LEARNING_RATE and STEPS on every schedule that a pipeline may follow."""

from __future__ import annotations

import pytest

from todus.bridge import pipeline as pipelines
from todus.errors import UserError
from todus.training import train
from todus.training.options import Options
from todus.zoo import learning_rate


def pipeline_of(schedule: str, optimizer: str = "rms_prop_optimizer") -> pipelines.Pipeline:
    return pipelines.parse(f"train_config {{ optimizer {{ {optimizer} {{ learning_rate {{ {schedule} }} }} }} }}")


def settings(pipeline: pipelines.Pipeline, optimizer: str = "rms_prop_optimizer"):
    rate = getattr(pipeline.train_config.optimizer, optimizer).learning_rate
    return getattr(rate, rate.WhichOneof("learning_rate"))


CONSTANT = "constant_learning_rate { learning_rate: 0.002 }"
EXPONENTIAL = """exponential_decay_learning_rate {
  initial_learning_rate: 0.004 decay_steps: 800720 decay_factor: 0.95 burnin_learning_rate: 0.001 burnin_steps: 7
  min_learning_rate: 0.0004 }"""
MANUAL = """manual_step_learning_rate {
  initial_learning_rate: 0.04 warmup: true
  schedule { step: 900 learning_rate: 0.004 } schedule { step: 1200 learning_rate: 0.0002 } }"""
COSINE = """cosine_decay_learning_rate {
  learning_rate_base: 0.1 total_steps: 25000 warmup_learning_rate: 0.025 warmup_steps: 2000 }"""


@pytest.mark.parametrize("optimizer", ["rms_prop_optimizer", "momentum_optimizer", "adam_optimizer"])
def test_every_optimizer_s_rate_can_be_set(optimizer):
    pipeline = pipeline_of(CONSTANT, optimizer)
    learning_rate.set_learning_rate(pipeline, 0.5)
    assert settings(pipeline, optimizer).learning_rate == pytest.approx(0.5)


def test_an_exponential_decay_keeps_its_proportions():
    pipeline = pipeline_of(EXPONENTIAL)
    learning_rate.set_learning_rate(pipeline, 0.02)
    scaled = settings(pipeline)
    assert scaled.initial_learning_rate == pytest.approx(0.02)
    assert scaled.burnin_learning_rate == pytest.approx(0.005)
    assert scaled.min_learning_rate == pytest.approx(0.002)
    assert (scaled.decay_steps, scaled.burnin_steps) == (800720, 7)
    assert scaled.decay_factor == pytest.approx(0.95)


def test_manual_steps_keep_their_proportions():
    pipeline = pipeline_of(MANUAL)
    learning_rate.set_learning_rate(pipeline, 0.02)
    scaled = settings(pipeline)
    assert scaled.initial_learning_rate == pytest.approx(0.02)
    assert [step.learning_rate for step in scaled.schedule] == pytest.approx([0.002, 0.0001])
    assert [step.step for step in scaled.schedule] == [900, 1200]


def test_a_cosine_decay_keeps_its_proportions():
    pipeline = pipeline_of(COSINE)
    learning_rate.set_learning_rate(pipeline, 0.4)
    scaled = settings(pipeline)
    assert scaled.learning_rate_base == pytest.approx(0.4)
    assert scaled.warmup_learning_rate == pytest.approx(0.1)
    assert (scaled.total_steps, scaled.warmup_steps) == (25000, 2000)


def test_the_rate_goes_with_the_batch_size_only_when_that_is_asked_for():
    pipeline = pipeline_of(CONSTANT)
    pipeline.train_config.batch_size = 24
    learning_rate.set_batch_size(pipeline, 12)
    assert (settings(pipeline).learning_rate, pipeline.train_config.batch_size) == (pytest.approx(0.002), 12)
    learning_rate.set_batch_size(pipeline, 36, scale_rate=True)
    assert (settings(pipeline).learning_rate, pipeline.train_config.batch_size) == (pytest.approx(0.006), 36)


@pytest.mark.parametrize(
    ("pipeline", "words"),
    [
        (pipelines.Pipeline(), "names no optimizer"),
        (pipeline_of(""), "schedule None"),
        (pipeline_of("constant_learning_rate { learning_rate: 0 }"), r"starts at 0\.0"),
        (pipeline_of("cosine_decay_learning_rate { learning_rate_base: 0 }"), r"starts at 0\.0"),
    ],
    ids=["no optimizer", "no schedule", "zero", "zero cosine"],
)
def test_a_pipeline_without_a_rate_is_refused(pipeline, words):
    with pytest.raises(UserError, match=words):
        learning_rate.set_learning_rate(pipeline, 0.1)


@pytest.mark.parametrize(("steps", "warmup"), [(25000, 2000), (50000, 2000), (5000, 500), (9, 0)])
def test_a_cosine_decay_ends_when_training_ends(steps, warmup):
    pipeline = pipeline_of(COSINE)
    learning_rate.fit_to_steps(pipeline, steps)
    assert (settings(pipeline).total_steps, settings(pipeline).warmup_steps) == (steps, warmup)
    assert settings(pipeline).learning_rate_base == pytest.approx(0.1)


@pytest.mark.parametrize("schedule", [CONSTANT, EXPONENTIAL, MANUAL])
def test_other_schedules_do_not_depend_on_the_steps(schedule):
    pipeline = pipeline_of(schedule)
    learning_rate.fit_to_steps(pipeline, 10)
    assert pipeline == pipeline_of(schedule)


def test_the_fitted_decay_teaches_where_the_shipped_one_has_ended():
    """What the API makes of it: the rate at step 28,000 of 30,000, as shipped for 25,000 and as fitted."""
    from todus.bridge.graph_mode import tf

    from object_detection.builders import optimizer_builder

    fitted = pipeline_of(COSINE)
    learning_rate.fit_to_steps(fitted, 30_000)
    rates = []
    for pipeline in (pipeline_of(COSINE), fitted):
        with tf.Graph().as_default(), tf.Session() as session:
            step = tf.constant(28_000, tf.int64)
            _, (rate,) = optimizer_builder.build(pipeline.train_config.optimizer, global_step=step)
            rates.append(session.run(rate))
    assert rates[0] == 0
    assert 0 < rates[1] < 0.01


def test_manual_steps_without_a_step_are_a_mistake_in_one_line():
    pipeline = pipeline_of("manual_step_learning_rate { initial_learning_rate: 0.04 }")
    with pytest.raises(UserError, match=r"has no schedule; add: schedule \{ step"):
        learning_rate.fit_to_steps(pipeline, 100)


def test_a_rate_that_goes_by_the_batch_size_needs_one():
    with pytest.raises(UserError, match="SCALE_LEARNING_RATE=1 goes by BATCH_SIZE"):
        train.apply_options(pipeline_of(CONSTANT), 100, Options(scale_learning_rate=True))
