"""Non-maximum suppression among the best candidates of an image: what the graph's own gives, in a fraction of its time.

A graph of the API suppresses each class by itself, all anchors of it, and then keeps the best 100 or so of all classes.
Greedy suppression goes from the best candidate down, and a candidate depends on better ones only. So if the best k
candidates leave 100 detections, no other candidate matters. If they do not, k was too small, which is told.

Candidates are in the API's own order: by score, of equal ones by class, then by anchor. TensorFlow's suppression of a
whole batch (CombinedNonMaxSuppression) does not keep the order of equal scores, so it is given ranks instead of scores,
which are never equal.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from todus.bridge.graph_mode import tf
from todus.evaluation.detectors.suppression import Suppression


@dataclass(frozen=True)
class BestCandidates:
    """The tensors of the operations that `build` adds to a graph.

    count: placeholder, int32 [], k. keep: placeholder, int32 [], how many survivors are wanted before clipping.
    boxes: float32 [batch, keep, 4], of the survivors, best first, not clipped; only `survivors` of them mean anything.
    scores: float32 [batch, keep]. classes: int32 [batch, keep], from 0.
    survivors: int32 [batch].
    is_all: bool [batch], whether there was no other candidate.
    """

    count: tf.Tensor
    keep: tf.Tensor
    boxes: tf.Tensor
    scores: tf.Tensor
    classes: tf.Tensor
    survivors: tf.Tensor
    is_all: tf.Tensor

    @property
    def fetches(self) -> list[tf.Tensor]:
        return [self.boxes, self.scores, self.classes, self.survivors, self.is_all]


def build(graph: tf.Graph, suppression: Suppression) -> BestCandidates:
    """Add the operations that suppress non-maxima among the best candidates to `graph`."""
    with graph.as_default(), tf.name_scope("best_candidates"):
        count, keep = tf.placeholder(tf.int32, []), tf.placeholder(tf.int32, [])
        boxes = tf.squeeze(graph.get_tensor_by_name(f"{suppression.boxes}:0"), 2)
        scores = graph.get_tensor_by_name(f"{suppression.scores}:0")
        boxes, scores, classes, is_all = _candidates(boxes, scores, count, suppression)
        ranks, survivors = _suppress(boxes, scores, classes, keep, suppression)
        chosen = (tf.gather(values, ranks, batch_dims=1) for values in (boxes, scores, classes))
        return BestCandidates(count, keep, *chosen, survivors, is_all)


def _candidates(
    boxes: tf.Tensor, scores: tf.Tensor, count: tf.Tensor, suppression: Suppression
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
    """The best `count` of all pairs of anchor and class, best first; below the threshold their score is 0.

    First the anchors with the best scores are chosen, so that not all pairs need to be sorted. Whatever is above the
    last of these anchors' best score is a pair of one of them; what equals it may not be, and is left out.
    """
    anchors = tf.shape(scores)[1]
    few = tf.minimum(count, anchors)
    best, chosen = tf.math.top_k(tf.reduce_max(scores, 2), few)
    floor = tf.where(tf.fill(tf.shape(best[:, -1]), few < anchors), best[:, -1], tf.zeros_like(best[:, -1]))
    floor = tf.maximum(floor, suppression.score_threshold)
    chosen = tf.sort(chosen, axis=1)
    by_class = tf.transpose(tf.gather(scores, chosen, batch_dims=1), [0, 2, 1])
    pairs = tf.reshape(by_class, [-1, few * suppression.class_count])
    values, order = tf.math.top_k(pairs, tf.minimum(count, few * suppression.class_count))
    is_above = values > floor[:, tf.newaxis]
    anchor = tf.gather(chosen, order % few, batch_dims=1)
    is_every_pair = tf.shape(values)[1] >= anchors * suppression.class_count
    is_all = is_every_pair | ((floor <= suppression.score_threshold) & ~tf.reduce_all(is_above, 1))
    values = tf.where(is_above, values, tf.zeros_like(values))
    return tf.gather(boxes, anchor, batch_dims=1), values, order // few, is_all


def _suppress(
    boxes: tf.Tensor, scores: tf.Tensor, classes: tf.Tensor, keep: tf.Tensor, suppression: Suppression
) -> tuple[tf.Tensor, tf.Tensor]:
    """Ranks of the survivors among the candidates, int32 [batch, keep], best first; and how many there are."""
    count = tf.shape(scores)[1]
    order = tf.cast(tf.range(count, 0, -1), tf.float32)  # the rank turned round, exact up to 2 ** 24
    order = tf.where(scores > 0, tf.broadcast_to(order, tf.shape(scores)), tf.zeros_like(scores))
    _, best, _, survivors = tf.image.combined_non_max_suppression(
        boxes[:, :, tf.newaxis],
        tf.one_hot(classes, suppression.class_count) * order[:, :, tf.newaxis],
        max_output_size_per_class=suppression.max_per_class,
        max_total_size=keep,
        iou_threshold=suppression.iou_threshold,
        score_threshold=0.5,
        clip_boxes=False,
    )
    return tf.clip_by_value(count - tf.cast(best, tf.int32), 0, count - 1), survivors


def clipped(boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Boxes clipped to the image (0..1), float32 [n, 4]; and the rows of those that have an area."""
    inside = np.clip(boxes, np.float32(0), np.float32(1))
    area = (inside[:, 2] - inside[:, 0]) * (inside[:, 3] - inside[:, 1])
    return inside, np.flatnonzero(area > 0)
