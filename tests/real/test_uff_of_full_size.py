"""A .uff file of full size, 300x300, detects on real COCO images what the frozen graph detects that it was made from.

The pipelines are the zoo's, in TODUS_SHARED; the weights, which cannot be fetched in a test, are random and lifelike.
All but the first have fewer classes, because the graph has a suppression for each of them, which takes long to build.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from todus.bridge import pipeline as pipelines
from uff_interpreter import exported, interpreter, netron, parity, structure, uff_file

SHARED = Path(os.environ.get("TODUS_SHARED", "no-such-folder"))
pytestmark = pytest.mark.skipif(
    not all((SHARED / name).is_dir() for name in ("coco-sample", "zoo-configs")),
    reason="TODUS_SHARED names no folder with coco-sample/ and zoo-configs/",
)

CLASSES = {
    "ssd_mobilenet_v1_coco": 90,
    "ssd_mobilenet_v2_coco": 10,
    "ssdlite_mobilenet_v2_coco": 10,
    "ssd_inception_v2_coco": 10,
}
PRIORS = 1917
SIZE = 300


def real_images() -> np.ndarray:
    paths = sorted((SHARED / "coco-sample" / "val2017").glob("*.jpg"))[: exported.MEASURED]
    return np.stack([np.asarray(Image.open(path).convert("RGB").resize((SIZE, SIZE))) for path in paths])


@pytest.mark.parametrize("name", CLASSES)
def test_the_file_detects_what_the_graph_does(name: str, tmp_path: Path) -> None:
    pipeline = pipelines.parse((SHARED / "zoo-configs" / f"{name}.config").read_text(encoding="utf-8"))
    pipeline.model.ssd.num_classes = CLASSES[name]
    detector = exported.export(pipeline, real_images(), tmp_path)
    path = tmp_path / f"{name}.uff"
    path.write_bytes(detector.convert())
    file = uff_file.read(path)
    structure.require(file)
    check_parameters(file, CLASSES[name])
    pair = parity.compare(file, detector.frozen_graph, detector.images)
    parity.require_equal(pair, pipeline.model.ssd.post_processing.batch_non_max_suppression.score_threshold)
    check_that_scores_vary(pair.wanted)
    if not netron.missing():
        (read,) = netron.read(path)
        assert (read.errors, read.outputs) == ([], ["MarkOutput_0 NMS"])


def check_parameters(file: uff_file.UffFile, classes: int) -> None:
    """As in the files that NVIDIA's converter made of the zoo's models, where these can be compared."""
    nms, anchors = file.node("NMS").fields, file.node("MultipleGridAnchorGenerator").fields
    assert nms["numClasses_u_int"].value == 1 + classes
    assert nms["inputOrder_u_ilist"].value == [0, 2, 1]
    assert nms["keepTopK_u_int"].value == 100
    assert anchors["featureMapShapes_u_ilist"].value == [19, 10, 5, 3, 2, 1]
    assert anchors["variance_u_flist"].value == pytest.approx([0.1, 0.1, 0.2, 0.2])
    assert file.one("Input").fields["shape"].value == [1, 3, SIZE, SIZE]
    assert nms["topK_u_int"].value <= PRIORS


def check_that_scores_vary(detections: list[interpreter.Detections]) -> None:
    """The comparison is of scores from all over the range, not of a hundred that are all but 1."""
    for found in detections:
        assert found.scores.max() - found.scores.min() > 0.2
