"""Evaluation while training, as the loop sees it: when it evaluates, what it keeps and tells, when it stops.

The figures are made up here; that they are those of the checkpoint is for tests/road/test_while_training.py.
"""

from __future__ import annotations

import json
import resource
from pathlib import Path

import numpy as np
import pytest

from todus import checkpoint, layout
from todus.errors import UserError
from todus.training.options import Every
from todus.training.validating import best, evaluations
from todus.training.validating.evaluations import Evaluations, Figures
from todus.training.validating.stopping import StoppingRule
from todus.training.validating.validation import Validation

LAST_STEP = 1000


@pytest.fixture
def model(tmp_path: Path) -> layout.Model:
    return layout.Model(tmp_path / "model" / "ssd")


def written(model: layout.Model, step: int) -> Path:
    """A checkpoint whose only variable tells its step."""
    prefix = checkpoint.at_step(model.training, step)
    checkpoint.write(prefix, {"w": np.array([step], np.float32)})
    return prefix


def watcher(
    model: layout.Model, figures: dict[int, float], every: int = 100, rule: StoppingRule | None = None, truth: str = "a"
) -> Validation:
    """Evaluates every so many steps; `figures` are what it finds, by step."""
    known = evaluations.read_of(model, truth, 8)

    def measure(prefix: Path) -> Figures:
        average = figures.pop(checkpoint.step_of(prefix))
        return Figures(average, average, 0.1)

    return Validation(model, Every(steps=every), LAST_STEP, known, measure, rule or StoppingRule())


def best_weights(model: layout.Model) -> float:
    return float(checkpoint.read(checkpoint.named(model.training, "best"))["w"][0])


def test_it_asks_for_a_checkpoint_when_one_is_due_and_at_the_last_step(model: layout.Model) -> None:
    validation = watcher(model, {0: 0.1, 100: 0.2, 130: 0.3})
    validation.at_start(0, written(model, 0))
    assert [step for step in (1, 99, 100, 101, 999, 1000) if validation.after_step(step)] == [100, 101, 999, 1000]
    validation.at_checkpoint(100, written(model, 100))
    assert [step for step in (100, 101, 199, 200, 1000) if validation.after_step(step)] == [200, 1000]


def test_checkpoints_that_come_before_it_is_time_are_not_evaluated(model: layout.Model) -> None:
    validation = watcher(model, {0: 0.1})
    validation.at_start(0, written(model, 0))
    assert validation.at_checkpoint(50, written(model, 50)) is None
    assert [one.step for one in validation.known.done] == [0]


def test_the_best_is_kept_and_no_other(model: layout.Model, capsys) -> None:
    validation = watcher(model, {0: 0.1, 100: 0.3, 200: 0.2})
    validation.at_start(0, written(model, 0))
    validation.at_checkpoint(100, written(model, 100))
    validation.at_checkpoint(200, written(model, 200))
    kept = best.read(model)
    assert (kept.step, kept.ap, kept.images, best_weights(model)) == (100, 0.3, 8, 100)
    assert {path.name.partition(".index")[0].partition(".data")[0] for path in model.best.iterdir()} == {
        "model.ckpt-100",
        "best.json",
    }
    assert best.is_ahead(model)
    said = capsys.readouterr().out.splitlines()
    assert said == [
        "step 0: AP 10.0, AP50 10.0, 8 images in 0.1 s",
        "step 100: AP 30.0 (the best so far; before: 10.0 at step 0), AP50 30.0, 8 images in 0.1 s",
        "step 200: AP 20.0 (best 30.0 at step 100), AP50 20.0, 8 images in 0.1 s",
    ]
    assert all(line in model.train_log.read_text() for line in said)


def test_average_precision_comes_to_tensorboard(model: layout.Model) -> None:
    from todus.bridge.graph_mode import tf

    watcher(model, {0: 0.25}).at_start(0, written(model, 0))
    (events,) = model.training.glob("events.out.tfevents.*")
    values = {v.tag: v.simple_value for event in tf.train.summary_iterator(str(events)) for v in event.summary.value}
    assert values["validation/AP"] == values["validation/AP50"] == 0.25


def test_a_resumed_run_knows_the_best_and_does_not_evaluate_its_start_again(model: layout.Model) -> None:
    first = watcher(model, {0: 0.1, 100: 0.3, 200: 0.2})
    first.at_start(0, written(model, 0))
    first.at_checkpoint(100, written(model, 100))
    newest = written(model, 200)
    first.at_checkpoint(200, newest)

    resumed = watcher(model, {300: 0.25, 400: 0.27}, rule=StoppingRule(patience=3))
    assert resumed.at_start(200, newest) is None
    assert resumed.at_checkpoint(300, written(model, 300)) is None
    stopped = resumed.at_checkpoint(400, written(model, 400))
    assert stopped == "PATIENCE: AP has not risen for 3 evaluations", "that of step 200 counts too"
    assert best.read(model).step == 100


def test_patience_begins_anew_with_training(model: layout.Model) -> None:
    first = watcher(model, {0: 0.1, 100: 0.3, 200: 0.2})
    for step, show in ((0, first.at_start), (100, first.at_checkpoint), (200, first.at_checkpoint)):
        show(step, written(model, step))
    again = watcher(model, {0: 0.1, 100: 0.2}, rule=StoppingRule(patience=2))
    again.at_start(0, written(model, 0))
    assert again.at_checkpoint(100, written(model, 100)) is None


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # of TensorFlow's own thread
def test_on_a_full_disk_training_goes_on(model: layout.Model, capsys) -> None:
    validation = watcher(model, {0: 0.1, 100: 0.3})
    validation.at_start(0, written(model, 0))
    hundred = written(model, 100)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, before[1]))
    try:
        assert validation.at_checkpoint(100, hundred) is None
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    said = capsys.readouterr().out
    assert "evaluations.json could not be written" in said
    assert "best/model.ckpt-100 could not be written" in said
    assert (best.read(model).step, best_weights(model)) == (0, 0), "the one before is still there"


def test_the_best_is_the_one_of_the_note_while_there_are_two(model: layout.Model) -> None:
    watcher(model, {200: 0.1}).at_start(200, written(model, 200))
    assert best_weights(model) == 200
    checkpoint.copy(written(model, 300), model.best)  # killed before the note was written
    assert best_weights(model) == 200


def test_a_start_that_is_another_than_the_one_evaluated_is_evaluated(model: layout.Model) -> None:
    watcher(model, {0: 0.1}).at_start(0, written(model, 0))
    again = watcher(model, {0: 0.2})
    again.at_start(0, written(model, 0))  # cut anew
    assert [one.ap for one in again.known.done] == [0.1, 0.2]


def test_what_was_measured_on_other_images_is_no_best(model: layout.Model) -> None:
    watcher(model, {0: 0.9}).at_start(0, written(model, 0))
    other = watcher(model, {50: 0.2}, truth="b")
    other.at_start(50, written(model, 50))
    assert (best.read(model).step, best.read(model).ap) == (50, 0.2)
    assert [one.step for one in evaluations.read(model).done] == [50]


def test_it_stops_when_the_goal_is_reached_even_before_the_first_step(model: layout.Model) -> None:
    validation = watcher(model, {0: 0.4}, rule=StoppingRule(until_ap=0.35))
    assert validation.at_start(0, written(model, 0)) == "UNTIL_AP: AP 40.0 has reached 35.0"


@pytest.mark.parametrize("damage", ["", "{", '{"step": 7}', "[]"])
def test_damaged_notes_are_begun_anew(model: layout.Model, damage: str) -> None:
    watcher(model, {0: 0.4}).at_start(0, written(model, 0))
    (model.best / best.NOTE).write_text(damage)
    evaluations.file_of(model).write_text(damage)
    assert best.read(model) is None
    assert evaluations.read_of(model, "a", 8) == Evaluations("a", 8)
    watcher(model, {50: 0.1}).at_start(50, written(model, 50))
    assert json.loads((model.best / best.NOTE).read_text())["step"] == 50


def test_a_best_checkpoint_that_is_gone_is_none(model: layout.Model) -> None:
    with pytest.raises(UserError, match=r"no best checkpoint.*EVAL_EVERY"):
        checkpoint.named(model.training, "best")
    watcher(model, {0: 0.4}).at_start(0, written(model, 0))
    next(model.best.glob("*.data-*")).unlink()
    assert best.read(model) is None
