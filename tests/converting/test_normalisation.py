"""Normalisation is quick, and to the last bit what the formula gives."""

from __future__ import annotations

import numpy as np
import pytest

from todus.converting.normalisation import Normalisation

PIXELS = np.random.default_rng(0).integers(0, 256, (1, 20, 30, 3), np.uint8)


@pytest.mark.parametrize("taken", [np.uint8, np.float32])
@pytest.mark.parametrize(
    ("mean", "deviation"),
    [
        ((127.5, 127.5, 127.5), (127.5, 127.5, 127.5)),
        ((123.68, 116.779, 103.939), (1.0, 1.0, 1.0)),
        ((123.68, 116.779, 103.939), (58.4, 57.1, 57.4)),
    ],
)
def test_each_channel_has_its_own_mean_and_deviation(mean: tuple, deviation: tuple, taken: type):
    expected = (PIXELS.astype(np.float32) - np.array(mean, np.float32)) / np.array(deviation, np.float32)
    found = Normalisation(mean, deviation, width=30)(PIXELS.astype(taken))
    assert found.dtype == np.float32
    assert np.array_equal(found, expected)
