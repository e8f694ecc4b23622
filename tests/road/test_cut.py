"""The cut model says of an image what the zoo's said, of the kept categories: before non-maximum suppression."""

from __future__ import annotations

import numpy as np

from support import NAME, heads
from todus import checkpoint, layout
from todus.bridge import pipeline as pipelines
from todus.coco import label_map
from todus.evaluation import evaluate

IMAGES = 4


def test_the_cut_is_exact(prepared: layout.Home) -> None:
    model = prepared.model(NAME)
    paths = sorted(prepared.raw_data.images("val").glob("*.jpg"))[:IMAGES]
    images = [evaluate.read_image(path) for path in paths]
    full, full_boxes = heads(pipelines.load(model.zoo_pipeline), model.pretrained / "model.ckpt", images)
    cut, cut_boxes = heads(pipelines.load(model.pipeline), checkpoint.at_step(model.training, 0), images)
    assert full.shape[-1] == 1 + 90
    assert cut.shape[-1] == 1 + 3

    zoo_ids = label_map.read(layout.COCO_LABEL_MAP).ids
    kept = [zoo_ids[name] for name in label_map.read(model.label_map).ids]
    assert kept == [10, 13, 52]
    print(np.abs(cut - full[..., [0, *kept]]).max(), np.abs(cut_boxes - full_boxes).max())
    print([np.abs(cut[..., 1+i] - full[..., kept[i]+1]).max() for i in range(3)])
    print([np.abs(cut[..., 1+i] - full[..., kept[i]+1]).mean() for i in range(3)])
    print(cut[...,1:].std(axis=0).max(), cut[...,1:].std(axis=0).mean(), cut_boxes.std(axis=0).mean(), cut.max((0,1)), cut.min((0,1)))
    assert np.abs(cut - full[..., [0, *kept]]).max() < 1e-5
    assert np.abs(cut_boxes - full_boxes).max() < 1e-5
    # The controls: categories off by one must differ, and so must different images.
    assert 0
