"""Compare what a .uff file detects with what the frozen graph detects that it was made from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from todus.bridge.graph_mode import tf
from uff_interpreter import interpreter
from uff_interpreter.interpreter import Detections
from uff_interpreter.uff_file import UffFile

# What counts as the same. An anchor whose ratio is 0.33 in place of 0.3333 overlaps the right one by 0.99.
SCORES, OVERLAP = 1e-3, 0.999
EDGE = 1e-5  # how far a score is from the lowest that is told, if the order of float operations decides
_THIN = 1e-5  # of a box: so thin, cut off by the edge of the image, that its overlap says nothing


@dataclass(frozen=True)
class Pair:
    """What both say of the same images. most: detections that both keep of an image."""

    found: list[Detections]
    wanted: list[Detections]
    most: int


def compare(file: UffFile, frozen_graph: Path, images: Iterable[np.ndarray]) -> Pair:
    """Let both look at `images`, uint8 [height, width, 3] of the size that the .uff file takes."""
    images = list(images)
    most = file.one("_NMS_TRT").fields["keepTopK_u_int"].value
    return Pair([interpreter.detect(file, image) for image in images], of_frozen_graph(frozen_graph, images), most)


def of_frozen_graph(path: Path, images: Iterable[np.ndarray]) -> list[Detections]:
    definition = tf.GraphDef.FromString(path.read_bytes())
    with tf.Graph().as_default(), tf.Session() as session:
        tf.import_graph_def(definition, name="")
        names = [f"{name}:0" for name in ("num_detections", "detection_boxes", "detection_scores", "detection_classes")]
        return [_detections(*session.run(names, {"image_tensor:0": image[None]})) for image in images]


def _detections(count, boxes, scores, classes) -> Detections:
    found = int(count[0])
    return Detections(boxes[0, :found], scores[0, :found], classes[0, :found].astype(int))


def differences(pair: Pair, threshold: float) -> list[str]:
    """What one detects and the other does not, one line each.

    A detection may be missing on one side if its score is within EDGE of the lowest that this side tells: `threshold`,
    or the end of its list where that is full.
    """
    told = []
    for number, (found, wanted) in enumerate(zip(pair.found, pair.wanted, strict=True)):
        for what, these, those in (("only in the .uff", found, wanted), ("only in the graph", wanted, found)):
            lowest = those.scores.min() if len(those.scores) == pair.most else threshold
            these, those = _visible(these), _visible(those)
            for k in _alone(these, those):
                if these.scores[k] > lowest + EDGE:
                    told.append(f"image {number}, {what}: {these.classes[k]} {these.scores[k]:.4f} {these.boxes[k]}")
    return told


def require_equal(pair: Pair, threshold: float) -> None:
    """Raises AssertionError if the two differ, or if they say so little that their being equal proves nothing."""
    told = differences(pair, threshold)
    assert not told, "\n".join(told[:20])
    require_lively(pair)


def require_lively(pair: Pair) -> None:
    """Raises AssertionError unless what is detected depends on the image, in scores, classes and boxes."""
    best = [detections for detections in pair.wanted if len(detections.scores)]
    assert len(best) > len(pair.wanted) / 2, "hardly anything is detected"
    for values in ([d.scores[0] for d in best], [d.boxes[0].sum() for d in best]):
        assert len(np.unique(np.round(values, 4))) > len(best) / 2, "the best detection hardly depends on the image"
    assert len({int(number) for d in best for number in d.classes}) > 1, "only one class is ever detected"


def _visible(detections: Detections) -> Detections:
    """Without boxes that lie beyond the image: TensorFlow leaves them out, the plugin clips them to nothing."""
    sides = detections.boxes[:, 2:] - detections.boxes[:, :2]
    seen = (sides > 0).all(axis=1)
    return Detections(detections.boxes[seen], detections.scores[seen], detections.classes[seen])


def _alone(these: Detections, those: Detections) -> list[int]:
    """The detections among `these` that have no counterpart of their own among `those`."""
    free = np.ones(len(those.scores), bool)
    alone = []
    for k in range(len(these.scores)):
        alike = free & (those.classes == these.classes[k]) & (np.abs(those.scores - these.scores[k]) < SCORES)
        alike &= _same_place(these.boxes[k], those.boxes)
        if alike.any():
            free[np.argmax(alike)] = False
        else:
            alone.append(k)
    return alone


def _same_place(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    first, last = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:], boxes[:, 2:])
    shared = np.clip(last - first, 0, None).prod(axis=1)
    union = (box[2:] - box[:2]).prod() + (boxes[:, 2:] - boxes[:, :2]).prod(axis=1) - shared
    thin = (box[2:] - box[:2]).min() < _THIN
    return (shared > OVERLAP * union) | (thin & (np.abs(box - boxes) < _THIN).all(axis=1))
