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
from todus.training.plan import Outcome, Settings
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
    settings = Settings(100, save_steps=2)
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
    # The two images are chosen and cut at random: where nothing is left in them, there is nothing to classify.
    assert scalars["loss/total"] > scalars["loss/classification"] >= 0
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
    outcome = loop.run(pipeline, diverged.folder, start, Settings(100), [watcher])
    assert outcome == Outcome(7, "SIGTERM")
    assert watcher.seen == [(4, "model.ckpt-4"), (7, "model.ckpt-7")]
    assert checkpoint.newest(diverged.folder).name == "model.ckpt-7"
    assert checkpoint.read(checkpoint.newest(diverged.folder))["global_step"] == 7
    assert "step 7: loss" in capsys.readouterr().out


def start_in(folder: Path, home: layout.Home) -> Path:
    return checkpoint.copy(checkpoint.at_step(home.model(NAME).training, 0), folder)


def test_the_end_of_the_data_ends_training_and_all_steps_are_saved(zoo_log, zoo_home, tmp_path):
    start = start_in(tmp_path, zoo_home)
    pipeline = pipeline_for(zoo_home, start, GOOD)
    pipeline.train_input_reader.num_epochs = 1
    pipeline.train_config.batch_size = 16
    outcome = loop.run(pipeline, tmp_path, start, Settings(100))
    assert outcome.stopped_by.startswith("the end of the data (num_epochs")
    assert 0 < outcome.step < 100
    assert checkpoint.newest(tmp_path).name == f"model.ckpt-{outcome.step}"


def test_what_was_learnt_before_a_damaged_record_is_saved(zoo_log, zoo_home, tmp_path):
    start = start_in(tmp_path / "training", zoo_home)
    pipeline = pipeline_for(zoo_home, start, GOOD)
    reader = pipeline.train_input_reader
    reader.shuffle, reader.num_readers, reader.num_epochs = False, 1, 1
    (pattern,) = reader.tf_record_input_reader.input_path
    whole = [record for path in sorted(tf.io.gfile.glob(pattern)) for record in tf.io.tf_record_iterator(path)]
    records = tmp_path / "records"
    with tf.io.TFRecordWriter(str(records)) as writer:
        for record in [*whole[:12], b"no example"]:
            writer.write(record)
    reader.tf_record_input_reader.input_path[:] = [str(records)]
    with pytest.raises(WorldError, match=r"training goes on from model\.ckpt-[1-6]$") as failed:
        loop.run(pipeline, tmp_path / "training", start, Settings(100))
    assert str(records) in str(failed.value)
    reached = checkpoint.newest(tmp_path / "training")
    assert checkpoint.read(reached)["global_step"] == checkpoint.step_of(reached) > 0
