"""The road with QUANTIZE=1: usable before any training, since ranges are measured; trained; exported."""

from __future__ import annotations

import re

import numpy as np
import pytest

from support import NAME, run_verb
from todus import checkpoint, layout


@pytest.fixture(scope="module")
def quantized(prepared: layout.Home, zoo: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[layout.Home, str]:
    """A model of which the ranges were measured, and what `make model QUANTIZE=1` said."""
    import shutil

    home = layout.Home(tmp_path_factory.mktemp("quantized") / "tree")
    shutil.copytree(prepared.folder, home.folder)
    result = run_verb("model", home, MODEL=NAME, ZOO_URL=zoo, QUANTIZE="1")
    assert result.returncode == 0, result.stderr
    return home, result.stdout


def average_precision(result) -> float:
    return float(re.search(r"Average Precision.*all \| maxDets=100 \] = ([-\d.]+)", result.stdout)[1])


def test_the_ranges_are_measured_by_make_model(quantized):
    home, said = quantized
    print(said)
    variables = checkpoint.read(checkpoint.at_step(home.model(NAME).training, 0))
    greatest = {name: value for name, value in variables.items() if name.endswith("act_quant/max")}
    assert len(greatest) == 47
    assert all(0 <= value < 6.01 for name, value in greatest.items() if name.startswith("FeatureExtractor"))
    assert len({float(value) for value in greatest.values()}) > 20


def test_it_can_be_evaluated_trained_and_exported(quantized):
    home, _ = quantized
    for verb, more in (("eval", {}), ("train", {"STEPS": "4"}), ("export", {}), ("eval", {"GRAPH": "exported"})):
        result = run_verb(verb, home, MODEL=NAME, **more)
        print(result.stdout[-1500:], result.stderr[-1500:])
        assert result.returncode == 0
