"""make train: where it starts, how it is interrupted, and how it goes on."""

from __future__ import annotations

import re
import signal
import subprocess
import time

import numpy as np
import pytest

from support import NAME, failed_in_one_line, run_verb, verb_environment
from todus import checkpoint, layout

FRESH_HEAD_LOSS = 50  # more than this at the first step: the tiny model starts at about 200 from fresh weights


def first_loss(output: str) -> float:
    return float(re.search(r"first step after .*, loss ([\d.]+)", output)[1])


def test_training_starts_at_the_checkpoint_s_loss_and_goes_on_from_its_step(home: layout.Home) -> None:
    model = home.model(NAME)
    result = run_verb("train", home, STEPS="3", BATCH_SIZE="4", LEARNING_RATE="0.001")
    assert result.returncode == 0, result.stderr
    assert first_loss(result.stdout) < FRESH_HEAD_LOSS
    assert checkpoint.newest(model.training).name == "model.ckpt-3"
    third = checkpoint.read(checkpoint.at_step(model.training, 3))
    assert third["global_step"] == 3
    assert any(name.endswith("/Adam") for name in third)

    again = run_verb("train", home, STEPS="3")
    assert again.returncode == 0
    assert "already there" in again.stdout

    on = run_verb("train", home, STEPS="5", BATCH_SIZE="4")
    assert on.returncode == 0, on.stderr
    assert "from model.ckpt-3 to step 5" in on.stdout
    fifth = checkpoint.read(checkpoint.at_step(model.training, 5))
    # Adam's beta2^t tells how many updates the optimizer has behind it: 5 since it was fresh, and not 2.
    assert np.isclose(fifth["beta2_power"], 0.999**6, rtol=1e-4)
    assert (model.training / "model.ckpt-0.index").is_file(), "the start of training is kept"


def test_a_fresh_head_would_start_far_higher(zoo_log: str) -> None:
    """The control of FRESH_HEAD_LOSS: the loss that the same model had when its training from scratch began."""
    assert first_loss(zoo_log) > FRESH_HEAD_LOSS


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_interrupted_training_saves_and_goes_on(home: layout.Home, number: signal.Signals) -> None:
    model = home.model(NAME)
    training = subprocess.Popen(
        [layout.CHECKOUT / "scripts" / "train.sh"],
        env=verb_environment(home, STEPS="100000", BATCH_SIZE="2"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    for line in training.stdout:
        if line.startswith("first step"):
            break
    time.sleep(1)
    training.send_signal(number)
    output, errors = training.communicate(timeout=60)
    assert training.returncode == 0, errors
    saved = checkpoint.step_of(checkpoint.newest(model.training))
    assert saved > 0
    assert f"stopped at step {saved} of 100000 by {number.name}" in output
    assert "Traceback" not in errors

    on = run_verb("train", home, STEPS=str(saved + 1), BATCH_SIZE="2")
    assert on.returncode == 0, on.stderr
    resumed = checkpoint.read(checkpoint.at_step(model.training, saved + 1))
    assert np.isclose(resumed["beta2_power"], 0.999 ** (saved + 2), rtol=1e-3)


def test_a_killed_run_goes_on_from_the_newest_checkpoint_that_can_be_read(home: layout.Home) -> None:
    folder = home.model(NAME).training
    training = subprocess.Popen(
        [layout.CHECKOUT / "scripts" / "train.sh"],
        env=verb_environment(home, STEPS="100000", BATCH_SIZE="2", SAVE_EVERY="2", KEEP="3"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while checkpoint.step_of(checkpoint.newest(folder)) < 8:
        assert training.poll() is None
        time.sleep(0.1)
    training.kill()
    training.wait()
    *_, before, newest = checkpoint.in_order(folder)
    assert len(checkpoint.in_order(folder)) <= 4 + 1, "three, the first, and one that an older one has yet to go for"
    data = newest.with_name(f"{newest.name}.data-00000-of-00001")
    data.write_bytes(data.read_bytes()[:-1000])

    steps = checkpoint.step_of(newest)
    on = run_verb("train", home, STEPS=str(steps), BATCH_SIZE="2")
    assert on.returncode == 0, on.stderr
    assert f"passed over, and kept as {newest.name}.damaged" in on.stdout
    assert f"from {before.name} to step {steps}" in on.stdout
    assert checkpoint.read(newest)["global_step"] == steps


def test_a_model_that_is_not_prepared_is_refused(tmp_path) -> None:
    assert failed_in_one_line(run_verb("train", layout.Home(tmp_path), MODEL=NAME), f"make model MODEL={NAME}")


@pytest.mark.parametrize("variable", ["STEPS", "BATCH_SIZE", "LEARNING_RATE"])
def test_a_number_that_is_none_is_refused(home: layout.Home, variable: str) -> None:
    assert failed_in_one_line(run_verb("train", home, **{variable: "-3"}), variable, "'-3'", "above 0")
    assert checkpoint.newest(home.model(NAME).training).name == "model.ckpt-0"
