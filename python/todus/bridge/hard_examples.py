"""The hard-example miner of an SSD's loss: the API's result in a fraction of its time.

Of an image's anchors the miner keeps those with the highest losses. It suppresses boxes by those of higher loss that
overlap them, and of what is left takes every matched anchor (positive) and the first few unmatched ones (negatives), so
many for each positive. At the zoo's threshold of 0.99 hardly a box suppresses another, so that the API compares each
of 1,917 boxes with all before it: a seventh of a training step on a CPU, for a list of which the most is then dropped.
Here only what is used is asked for:

- the negatives that count are the first in the order of the losses: suppression ends when there are enough of them;
- whether a positive survives depends on the boxes that overlap it, on those that overlap these, and so on: they are
  collected, mostly a handful, and suppression runs among them alone.

Source of the definition: object_detection/core/losses.py (HardExampleMiner).
"""

from __future__ import annotations

from todus.bridge.graph_mode import tf

from object_detection.core import losses
from object_detection.core.matcher import Match

# Two ways to compute an overlap differ by rounding. To collect a box too many changes nothing; one too few would.
ROUNDING = 1e-3


def speed_up(model: object) -> None:
    """Exchange the miner of the DetectionModel `model`, if it has one."""
    miner = getattr(model, "_hard_example_miner", None)
    if miner:
        model._hard_example_miner = HardExampleMiner(miner)


class HardExampleMiner(losses.HardExampleMiner):
    """Does what `original` does, with the same settings."""

    def __init__(self, original: losses.HardExampleMiner):
        vars(self).update(vars(original))

    def __call__(self, location_losses, cls_losses, decoded_boxlist_list, match_list=None):
        """The sums of the localization and the classification losses, float32 [images, anchors], that are kept."""
        if not (match_list and self._takes_all(location_losses.shape[1])):
            return super().__call__(location_losses, cls_losses, decoded_boxlist_list, match_list)
        rankings = tf.unstack(self._rankings(location_losses, cls_losses))
        boxes = [boxlist.get() for boxlist in decoded_boxlist_list]
        kept = [self._kept(*image) for image in zip(boxes, rankings, match_list, strict=True)]
        self._num_positives_list = [tf.reduce_sum(_ones(positives)) for positives, _ in kept]
        self._num_negatives_list = [tf.reduce_sum(_ones(others)) for _, others in kept]
        mask = tf.stack([tf.logical_or(positives, others) for positives, others in kept])
        return tuple(tf.reduce_sum(tf.where(mask, each, tf.zeros_like(each))) for each in (location_losses, cls_losses))

    def _takes_all(self, anchors: int | None) -> bool:
        """Whether negatives are limited by the positives alone, and not by a number of examples as well."""
        unlimited = self._num_hard_examples is None or (anchors is not None and anchors <= self._num_hard_examples)
        return unlimited and self._max_negatives_per_positive is not None

    def _rankings(self, location_losses: tf.Tensor, cls_losses: tf.Tensor) -> tf.Tensor:
        if self._loss_type == "loc":
            return location_losses
        if self._loss_type == "cls":
            return cls_losses
        return cls_losses * self._cls_loss_weight + location_losses * self._loc_loss_weight

    def _kept(self, boxes: tf.Tensor, ranking: tf.Tensor, match: Match) -> tuple[tf.Tensor, tf.Tensor]:
        """Which anchors of an image are kept, bool [anchors]: the positives, and the others."""
        positive, negative = match.matched_column_indicator(), match.unmatched_column_indicator()
        others = tf.size(ranking) - tf.reduce_sum(_ones(negative))  # positives and anchors that are to be ignored
        enough = others + self._negatives(positive) + 1  # in so many there is one negative more than can be kept
        survivors = tf.image.non_max_suppression(boxes, ranking, enough, self._iou_threshold)
        positives = tf.logical_and(positive, self._survive(positive, boxes, ranking))
        negatives_so_far = tf.cumsum(_ones(tf.gather(negative, survivors)))
        first = tf.boolean_mask(survivors, negatives_so_far <= self._negatives(positives))
        return positives, tf.logical_and(_mask(first, ranking), tf.logical_not(positives))

    def _negatives(self, positives: tf.Tensor) -> tf.Tensor:
        """How many negatives are kept beside these positives, bool [anchors]."""
        ratio = self._max_negatives_per_positive * tf.reduce_sum(tf.cast(positives, tf.float32))
        return tf.maximum(self._min_negatives_per_image, tf.cast(ratio, tf.int32))

    def _survive(self, wanted: tf.Tensor, boxes: tf.Tensor, ranking: tf.Tensor) -> tf.Tensor:
        """Which survive suppression among all boxes; right for those `wanted`, bool [anchors]."""
        involved = _with_all_that_overlap(wanted, boxes, self._iou_threshold - ROUNDING)
        indices = tf.reshape(tf.cast(tf.where(involved), tf.int32), [-1])
        survivors = tf.image.non_max_suppression(
            tf.gather(boxes, indices), tf.gather(ranking, indices), tf.size(indices), self._iou_threshold
        )
        return _mask(tf.gather(indices, survivors), ranking)


def _with_all_that_overlap(wanted: tf.Tensor, boxes: tf.Tensor, threshold: float) -> tf.Tensor:
    """The boxes `wanted`, bool [anchors], with those that overlap one of them, those that overlap these, and so on."""

    def some_are_new(involved: tf.Tensor, new: tf.Tensor) -> tf.Tensor:
        return tf.reduce_any(new)

    def look_around(involved: tf.Tensor, new: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        found = tf.reduce_any(_overlap(tf.boolean_mask(boxes, new), boxes, threshold), axis=0)
        return tf.logical_or(involved, found), tf.logical_and(found, tf.logical_not(involved))

    involved, _ = tf.while_loop(some_are_new, look_around, (wanted, wanted), back_prop=False)
    return involved


def _overlap(few: tf.Tensor, boxes: tf.Tensor, threshold: float) -> tf.Tensor:
    """Whether intersection over union is above `threshold`, bool [few, anchors]; boxes as ymin, xmin, ymax, xmax."""
    few = few[:, tf.newaxis]
    sides = tf.minimum(few[..., 2:], boxes[:, 2:]) - tf.maximum(few[..., :2], boxes[:, :2])
    intersection = tf.reduce_prod(tf.maximum(sides, 0.0), axis=-1)
    union = _area(few) + _area(boxes) - intersection
    return intersection > threshold * union


def _area(boxes: tf.Tensor) -> tf.Tensor:
    return tf.reduce_prod(boxes[..., 2:] - boxes[..., :2], axis=-1)


def _ones(mask: tf.Tensor) -> tf.Tensor:
    return tf.cast(mask, tf.int32)


def _mask(indices: tf.Tensor, like: tf.Tensor) -> tf.Tensor:
    """Bool of the shape of `like`, [anchors]: true at `indices`."""
    return tf.scatter_nd(indices[:, tf.newaxis], tf.ones_like(indices, tf.float32), tf.shape(like)) > 0
