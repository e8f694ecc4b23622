"""Painting: the silhouette that becomes an object's mask is where the object's pixels are."""

from __future__ import annotations

import numpy as np
import pytest

from todus.demo import painting
from todus.demo.shapes import KINDS


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_nothing_is_painted_outside_a_silhouette_but_shadow(kind):
    canvas = np.full((160, 160, 3), 200, dtype=np.float32)
    covered = painting.paint(canvas, painting.sketch(kind, 50, np.random.default_rng(3)), 20, 20)
    grown = np.zeros_like(covered)
    for dy in range(-2, 3):
        for dx in range(-2, 3):
            grown |= np.roll(covered, (dy, dx), axis=(0, 1))  # edges are smooth, and tips fade out
    outside = canvas[~grown]
    np.testing.assert_allclose(outside - outside[:, :1], 0, atol=1e-3)  # grey
    assert outside.max() <= 200.001
    assert 0.1 < covered.mean() < 0.5
