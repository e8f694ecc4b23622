"""A checkpoint is given the ranges that it lacks, and keeps those that it has."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from support import TINY_PIPELINE
from todus import checkpoint
from todus.bridge import pipeline as pipelines
from todus.errors import UserError
from todus.layout import Model
from todus.training.quantization import start

SCOPE = "layer/act_quant"
AVERAGES = {f"{SCOPE}/{SCOPE}/{end}/{part}" for end in ("min", "max") for part in ("biased", "local_step")}


@pytest.fixture
def model(tmp_path: Path) -> Model:
    return Model(tmp_path / "model" / "some_model")


@pytest.fixture
def pipeline() -> pipelines.Pipeline:
    pipeline = pipelines.parse(TINY_PIPELINE)
    pipeline.graph_rewriter.quantization.delay = 0
    return pipeline


def put(folder: Path, step: int, *ranges: str) -> Path:
    prefix = checkpoint.at_step(folder, step)
    checkpoint.write(prefix, {name: np.float32(2) for name in ("layer/weights", *ranges)})
    os.utime(f"{prefix}.index", (1, 1))
    return prefix


def is_untouched(prefix: Path) -> bool:
    return Path(f"{prefix}.index").stat().st_mtime == 1


def test_the_ranges_of_a_quantized_model_of_the_zoo_are_kept_and_do_not_begin_anew(model, pipeline, capsys):
    prefix = put(model.training, 0, f"{SCOPE}/min", f"{SCOPE}/max")
    start.require_ranges(model, pipeline, prefix)
    now = checkpoint.read(prefix)
    assert set(now) == {"layer/weights", f"{SCOPE}/min", f"{SCOPE}/max", *AVERAGES}
    assert now[f"{SCOPE}/max"] == now[f"{SCOPE}/{SCOPE}/max/biased"] == 2
    assert "measuring" not in capsys.readouterr().out
    os.utime(f"{prefix}.index", (1, 1))
    start.require_ranges(model, pipeline, prefix)
    assert is_untouched(prefix)


def test_a_checkpoint_that_training_wrote_is_left_as_it_is(model, pipeline):
    prefix = put(model.training, 7, f"{SCOPE}/min", f"{SCOPE}/max")
    start.require_ranges(model, pipeline, prefix)
    assert is_untouched(prefix)


def test_a_model_without_fake_quantization_needs_no_ranges(model, pipeline):
    prefix = put(model.training, 0)
    pipeline.ClearField("graph_rewriter")
    start.require_ranges(model, pipeline, prefix)
    assert is_untouched(prefix)


def test_other_than_8_bits_is_refused(model, pipeline):
    prefix = put(model.training, 0, f"{SCOPE}/max")
    pipeline.graph_rewriter.quantization.activation_bits = 4
    with pytest.raises(UserError, match=r"asks for 8 bits for weights and 4 for activations; .*set"):
        start.require_ranges(model, pipeline, prefix)


def test_a_checkpoint_from_elsewhere_is_not_changed(model, pipeline, tmp_path):
    prefix = put(tmp_path / "elsewhere", 3)
    with pytest.raises(UserError, match=r"model.ckpt-3 has no ranges .*; run: make model .* QUANTIZE=0"):
        start.require_ranges(model, pipeline, prefix)
    assert is_untouched(prefix)


def test_without_the_dataset_it_is_said_what_has_to_be_made(model, pipeline):
    prefix = put(model.training, 0)
    with pytest.raises(UserError, match=r"some_model is not prepared; run: make model"):
        start.require_ranges(model, pipeline, prefix)
