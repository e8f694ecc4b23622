"""Scenes: the masks of their crowds are written as COCO writes them."""

from __future__ import annotations

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from todus.demo import scene


@pytest.mark.parametrize("shape", [(1, 1), (3, 4), (7, 5)])
@pytest.mark.parametrize("fill", [0.0, 0.3, 1.0])
def test_run_lengths_are_those_of_pycocotools(shape, fill):
    mask = np.random.default_rng(1).random(shape) < fill
    ours = scene._run_lengths(mask)
    assert sum(ours["counts"]) == mask.size
    decoded = coco_mask.decode(coco_mask.frPyObjects(ours, *ours["size"]))
    np.testing.assert_array_equal(decoded, mask)
