"""The cut model says of an image what the zoo's said, of the kept categories: before non-maximum suppression."""

from __future__ import annotations

import numpy as np

from support import NAME, heads
from todus import checkpoint, layout
from todus.bridge import pipeline as pipelines
from todus.coco import label_map
from todus.evaluation.detectors.image_reader import read_image

IMAGES = 4
EXACTLY, CLEARLY = 1e-5, 1e-2


def test_the_cut_is_exact(prepared: layout.Home) -> None:
    model = prepared.model(NAME)
    paths = sorted(prepared.raw_data.images("val").glob("*.jpg"))[:IMAGES]
    images = [read_image(path) for path in paths]
    full, full_boxes = heads(pipelines.load(model.zoo_pipeline), model.pretrained / "model.ckpt", images)
    cut, cut_boxes = heads(pipelines.load(model.pipeline), checkpoint.at_step(model.training, 0), images)
    assert full.shape[-1] == 1 + 90
    assert cut.shape[-1] == 1 + 3

    zoo_ids = label_map.read(layout.COCO_LABEL_MAP).ids
    kept = [zoo_ids[name] for name in label_map.read(model.label_map).ids]
    assert kept == [10, 13, 52]
    assert np.abs(cut - full[..., [0, *kept]]).max() < EXACTLY
    assert np.abs(cut_boxes - full_boxes).max() < EXACTLY
    # The controls: each category's neighbour among the 90 must differ, and so must different images.
    neighbours = full[..., [zoo_id + 1 for zoo_id in kept]]
    assert np.abs(cut[..., 1:] - neighbours).max(axis=(0, 1)).min() > CLEARLY
    assert cut[..., 1:].std(axis=0).max() > CLEARLY
    assert cut_boxes.std(axis=0).mean() > CLEARLY
