"""make bench-train, with a small model: both sides train alike, and the figures are those of real steps."""

from __future__ import annotations

import re

import pytest

from todus.bench import dataset, training, training_jobs
from todus.errors import UserError, WorldError

SMALL = {"size": 96, "width": 0.25}


@pytest.fixture(scope="module")
def records(tmp_path_factory) -> str:
    work = tmp_path_factory.mktemp("bench-train")
    return training.written(dataset.drawn_sample(work, images=12), work)


def test_both_sides_train_alike_and_are_timed_in_turn(records, capfd):
    model = [text for name, value in SMALL.items() for text in (f"--{name}", value)]
    table = training.speed(records, 3, 1, *model)
    assert len(re.findall(r"\| +[\d.]+ \| +[\d.]+ \| [\d.]+ x \|", table)) == 2
    assert re.findall(r"(plain|todus), run 1 of 1", capfd.readouterr().out) == ["plain", "todus"]


def test_a_profile_counts_the_operations_of_a_step(records):
    told = training_jobs.profile("todus", training_jobs.ssd_mobilenet_v1(records, **SMALL, batch=4))
    count, milliseconds = told["NonMaxSuppressionV3"]
    assert count == 2 * 4, "two for each image: its negatives, and the surroundings of its positives"
    assert milliseconds > 0
    assert told["FusedBatchNormGradV3"][0] == told["FusedBatchNormV3"][0] == 35


@pytest.mark.parametrize("apart", [{"loss": 2e-4, "gradient": 0.0}, {"loss": 0.0, "gradient": float("nan")}])
def test_sides_that_do_not_train_alike_are_not_compared(apart):
    with pytest.raises(WorldError, match="the two sides do not train alike"):
        training.require_same(apart)


def test_a_folder_that_is_no_sample_is_named(tmp_path):
    with pytest.raises(UserError, match=r"holds no annotations/instances_train2017\.json; give a folder"):
        training.written(tmp_path, tmp_path)
