"""The line of progress, and the figures behind it."""

from __future__ import annotations

import pytest

from todus.training.monitoring.meter import STRETCH, Meter, Step

PARTS = {"localization_loss": 1.0, "classification_loss": 3.0, "regularization_loss": 0.5}


def step(seconds: float, loss: float = 4.5, data_wait: float = 0.0, count: int = 1, losses=None) -> Step:
    return Step(loss, PARTS if losses is None else losses, 0.004, seconds, data_wait, count)


def metered(*steps: Step) -> Meter:
    meter = Meter(images_per_step=8)
    for each in steps:
        meter.add(each)
    return meter


def test_the_line_tells_losses_rate_speed_waiting_and_the_time_left():
    meter = metered(step(30), step(0.5, data_wait=0.1), step(0.5, data_wait=0.1))
    assert meter.line(steps_left=120) == (
        "loss 4.500 (classification 3.000, localization 1.000), learning rate 0.004, 2.00 steps/s, 16 images/s, "
        "20% waiting for data, 1 min 00 s left"
    )


def test_before_the_second_step_there_is_no_speed():
    assert metered(step(30)).line(5) == "loss 4.500 (classification 3.000, localization 1.000), learning rate 0.004"


def test_at_the_end_nothing_is_left():
    assert metered(step(30), step(0.5)).line(0).endswith("0% waiting for data")


def test_the_speed_is_that_of_the_last_stretch():
    slow_then_fast = [step(1.0)] + [step(10.0)] * 50 + [step(0.1)] * STRETCH
    assert metered(*slow_then_fast).steps_per_second == pytest.approx(10)


def test_steps_of_other_workers_count_with_their_images():
    meter = metered(step(9), step(0.5, count=3), step(0.5, count=1))
    assert meter.steps_per_second == pytest.approx(4)
    assert meter.images_per_second == pytest.approx(32)


@pytest.mark.parametrize("count", [0, -40])
def test_where_training_goes_back_to_a_checkpoint_the_speed_is_taken_anew(count):
    meter = metered(step(9), step(0.5), step(20, count=count))
    assert meter.line(100) == metered(step(9)).line(100), "no speed, and no time left"
    assert "speed/steps_per_second" not in meter.scalars()
    meter.add(step(0.25))
    assert meter.steps_per_second == pytest.approx(4)


def test_the_loss_is_smoothed_from_the_first_one_on():
    assert metered(step(1, loss=10.0)).loss == pytest.approx(10)
    assert metered(step(1, loss=10.0), step(1, loss=0.0)).loss == pytest.approx(9.5)


def test_of_two_stages_both_are_shown():
    first = {"RPNLoss/objectness_loss": 1.0, "RPNLoss/localization_loss": 3.0}
    second = {"BoxClassifierLoss/classification_loss": 2.0}
    line = metered(step(1, losses=first | second)).line(1)
    assert line.startswith("loss 4.500 (classification of stage 2 2.000, localization 3.000, objectness 1.000)")


def test_tensorboard_gets_the_losses_as_they_were():
    scalars = metered(step(9, loss=10.0), step(0.5, loss=0.0, data_wait=0.25)).scalars()
    assert scalars == pytest.approx(
        {
            "loss/total": 0.0,
            "loss/classification": 3.0,
            "loss/localization": 1.0,
            "loss/regularization": 0.5,
            "learning_rate": 0.004,
            "speed/steps_per_second": 2.0,
            "speed/images_per_second": 16.0,
            "speed/waiting_for_data": 0.5,
        }
    )
