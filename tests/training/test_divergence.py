"""A loss that runs away: noticed, and training goes on from before that."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from todus import checkpoint
from todus.errors import WorldError
from todus.training import divergence
from todus.training.divergence import LossWatch


def watched(losses: list[float], first_step: int = 0) -> LossWatch:
    watch = LossWatch(first_step)
    for step, loss in enumerate(losses, first_step + 1):
        assert watch.add(step, loss)
    return watch


@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_noticed(loss):
    assert not LossWatch(0).add(1, loss)


def test_a_loss_that_falls_from_high_up_is_well():
    watch = watched([300 / step for step in range(1, 200)])
    assert watch.is_well(199)


def test_one_hard_batch_is_no_explosion():
    assert watched([2.0] * 50 + [30.0]).is_well(51)


def test_an_explosion_is_dated():
    watch = watched([2.0] * 50 + [1e3, 1e5, 1e9], first_step=100)
    assert not watch.is_well(153)
    assert watch.well_until == 149, "the loss of step 150 is the last good one, and judges what step 149 has left"


def test_the_start_is_not_known_to_be_good_before_there_is_a_loss():
    assert LossWatch(40).well_until < 40
    assert watched([2.0], first_step=40).well_until == 40


def test_after_an_explosion_that_passes_all_is_well_again():
    assert watched([2.0] * 50 + [1e3] + [2.0] * 60).is_well(111)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for step in (0, 40, 60):
        checkpoint.write(checkpoint.at_step(tmp_path, step), {"x": np.zeros(1)})
    return tmp_path


def test_what_is_known_to_be_good_is_gone_on_from(folder):
    error = divergence.error("the loss is nan at step 62", [b"139", b"285"], folder, well_until=61)
    assert isinstance(error, WorldError)
    assert str(error) == (
        "the loss is nan at step 62, with images 139 285; lower LEARNING_RATE and run again: training goes on from "
        "model.ckpt-60"
    )


def test_what_is_not_known_to_be_good_is_kept_aside(folder):
    error = divergence.error("the loss is nan at step 62", [], folder, well_until=58)
    assert str(error).endswith("goes on from model.ckpt-40 (model.ckpt-60.diverged: not known to be good)")
    assert checkpoint.newest(folder).name == "model.ckpt-40"
    assert checkpoint.read(folder / "model.ckpt-60.diverged")["x"] == 0


def test_what_a_run_started_from_is_never_set_aside_and_how_to_go_back_is_said(folder):
    said = str(divergence.error("the loss is nan at step 61", [b"139"], folder, well_until=59, first_step=60))
    assert said.startswith("the loss is nan at step 61, with images 139; it was the first step of this run, so look at")
    assert "training goes on from model.ckpt-60; to go back to model.ckpt-40, move " in said
    assert said.endswith("model.ckpt-60.* away")
    assert checkpoint.newest(folder).name == "model.ckpt-60"


def test_the_last_checkpoint_is_never_set_aside(tmp_path):
    checkpoint.write(checkpoint.at_step(tmp_path, 60), {"x": np.zeros(1)})
    assert "goes on from model.ckpt-60" in str(divergence.error("x", [], tmp_path, well_until=1))
