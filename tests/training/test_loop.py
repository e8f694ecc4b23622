"""The training loop on the little model: what it leaves, how it is stopped, and what it does when training diverges."""

from __future__ import annotations

import os
import re
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from support import NAME, TINY_PIPELINE
from todus import checkpoint, layout
from todus.bridge import pipeline as pipelines
from todus.bridge.graph_mode import tf
from todus.errors import WorldError
from todus.training import loop
from todus.zoo import pipeline as zoo_pipeline

GOOD = "initial_learning_rate: 0.001 schedule { step: 900 learning_rate: 0.0001 }"
# Until step 5; the update of step 6 leaves weights that are huge, but numbers; with them the loss is none.
DIVERGING = "initial_learning_rate: 0.001 schedule { step: 5 learning_rate: 1e30 }"


@dataclass(frozen=True)
class Diverged:
    """What a run has left that saved every second step, and then diverged."""

    folder: Path
    message: str
    said: str


def pipeline_for(home: layout.Home, start: Path, schedule: str) -> pipelines.Pipeline:
    text = re.sub(
        r"cosine_decay_learning_rate \{[^}]*\}", f"manual_step_learning_rate {{ {schedule} }}", TINY_PIPELINE
    ).replace("batch_size: 8", "batch_size: 2")
    return zoo_pipeline.configure(
        pipelines.parse(text), home.dataset("complete"), class_count=90, validation_images=16, start=start
    )


@pytest.fixture(scope="module")
def diverged(zoo_log, zoo_home: layout.Home, tmp_path_factory) -> Diverged:
    folder = tmp_path_factory.mktemp("diverging") / "training"
    start = checkpoint.copy(checkpoint.at_step(zoo_home.model(NAME).training, 0), folder)
    settings = loop.Settings(100, save_steps=2)
    with pytest.raises(WorldError) as failed:
        loop.run(pipeline_for(zoo_home, start, DIVERGING), folder, start, settings)
    return Diverged(folder, str(failed.value), (folder / layout.TRAIN_LOG).read_text())


def test_a_loss_that_is_no_number_stops_training_with_the_step_and_the_images(diverged):
    wanted = r"the loss is (nan|inf) at step 7, with images \d+ \d+; lower LEARNING_RATE and run again"
    assert re.match(wanted, diverged.message), diverged.message


def test_training_goes_on_from_what_is_known_to_be_good(diverged):
    assert "goes on from model.ckpt-4 (model.ckpt-6.diverged: not known to be good)" in diverged.message
    there = [prefix.name for prefix in checkpoint.in_order(diverged.folder)]
    assert there == ["model.ckpt-0", "model.ckpt-2", "model.ckpt-4"]
    weights = {step: checkpoint.read(diverged.folder / f"model.ckpt-{step}") for step in ("4", "6.diverged")}
    largest = {step: max(np.abs(value).max() for value in values.values()) for step, values in weights.items()}
    assert largest["4"] < 1e6 < 1e28 < largest["6.diverged"], "the control: all numbers, and good for nothing"


def test_the_log_tells_how_long_it_took_to_begin(diverged):
    assert re.search(r"^\S+ \S+ graph built in .*\n\S+ \S+ first step after .*, loss [\d.]+$", diverged.said, re.M)


def test_tensorboard_gets_scalars_and_pictures_at_the_first_step(diverged):
    (file,) = diverged.folder.glob("events.out.tfevents.*")
    values = [(event.step, value) for event in tf.train.summary_iterator(str(file)) for value in event.summary.value]
    scalars = {value.tag: value.simple_value for step, value in values if step == 1 and not value.HasField("image")}
    assert {"loss/total", "loss/classification", "loss/localization", "learning_rate"} <= set(scalars)
    assert scalars["learning_rate"] == pytest.approx(0.001)
    assert scalars["loss/total"] > scalars["loss/classification"] > 0
    assert {value.tag for _, value in values if value.HasField("image")} == {"batch/0", "batch/1"}
    assert file.stat().st_size < 1_000_000, "the graph is not in it"


class Busy:
    """Wants a checkpoint at step 7; is stopped by a signal while it looks at it, and would never have ended."""

    def __init__(self):
        self.seen: list[tuple[int, str]] = []

    def at_start(self, step: int, prefix: Path) -> None:
        self.seen.append((step, prefix.name))

    def after_step(self, step: int) -> bool:
        return step == 7

    def at_checkpoint(self, step: int, prefix: Path) -> None:
        checkpoint.check(prefix)
        self.seen.append((step, prefix.name))
        os.kill(os.getpid(), signal.SIGTERM)
        while True:
            time.sleep(0.01)


def test_a_watcher_sees_whole_checkpoints_and_a_signal_does_not_wait_for_it(diverged, zoo_home, capsys):
    start, watcher = checkpoint.newest_intact(diverged.folder), Busy()
    pipeline = pipeline_for(zoo_home, start, GOOD)
    outcome = loop.run(pipeline, diverged.folder, start, loop.Settings(100), [watcher])
    assert outcome == loop.Outcome(7, "SIGTERM")
    assert watcher.seen == [(4, "model.ckpt-4"), (7, "model.ckpt-7")]
    assert checkpoint.newest(diverged.folder).name == "model.ckpt-7"
    assert checkpoint.read(checkpoint.newest(diverged.folder))["global_step"] == 7
    assert "step 7: loss" in capsys.readouterr().out
