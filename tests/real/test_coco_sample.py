"""The same on real images of COCO, where TODUS_SHARED names a folder that holds them as coco-sample/."""

import os
from pathlib import Path

import numpy as np
import pytest

from coco.records import record_oracle
from todus.coco import annotations

SHARED = os.environ.get("TODUS_SHARED")
pytestmark = pytest.mark.skipif(not SHARED, reason="TODUS_SHARED names no folder with coco-sample/")


@pytest.mark.parametrize("masks", [False, True])
@pytest.mark.parametrize("split", ["train", "val"])
def test_records_equal_those_of_the_api(split, masks, tmp_path):
    sample = Path(SHARED) / "coco-sample"
    truth, tally = annotations.clean(annotations.load(sample / "annotations" / f"instances_{split}2017.json"))
    theirs, ours = record_oracle.both_ways(truth, sample / f"{split}2017", tmp_path, split, masks)
    if masks:
        pairs = list(zip(record_oracle.take_masks(theirs), record_oracle.take_masks(ours), strict=True))
        assert len(pairs) == len(truth.boxes) > 0
        assert all(np.array_equal(their, our) for their, our in pairs)
    assert ours == theirs
    assert sum(map(len, ours)) == 80
    assert not tally.skipped
