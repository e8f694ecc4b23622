"""Cut a detector's class heads down to the categories that are kept, weights and all.

The trained weights of "dog" are a set of columns of the heads (class_axis.py says which), and keeping dog and cat
means keeping their columns and those of the background. Nothing else in the detector depends on the number of classes.

With a sigmoid score converter, as all SSD models of the zoo have, the scores of the classes kept are exactly what they
were. With a softmax, as Faster R-CNN, R-FCN and Mask R-CNN have, the logits are; but a softmax shares 1 among all
classes, and the share of those dropped falls to the others:

    new score = old score / (sum of the old scores of the background and of the classes kept)

which is never lower than before.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from todus.bridge.pipeline import Pipeline
from todus.checkpoint import MOVING_AVERAGE
from todus.errors import UserError
from todus.zoo import class_axis
from todus.zoo.class_axis import ClassAxis

GLOBAL_STEP = "global_step"

# What training adds to a model's variables: one of these after a variable's name, or a number of Adam's own.
_SLOT = re.compile(r"/(?:ExponentialMovingAverage|RMSProp(?:_[12])?|Momentum|Adam(?:_1)?)$")
_OF_NO_VARIABLE = re.compile(r"(?:^|/)beta[12]_power$")
_BEGINS_AT_ONE = "/RMSProp"  # its mean of squares; other slots begin at 0, and an average at its variable's value

Keep = Sequence[int | None]


def cut_checkpoint(
    variables: Mapping[str, np.ndarray],
    pipeline: Pipeline,
    keep: Keep,
    initial: Mapping[str, np.ndarray] | None = None,
    slots: bool = False,
) -> dict[str, np.ndarray]:
    """The variables of a detector for the classes `keep` only.

    Without `slots` it is a new start at step 0, and what an optimizer had added is dropped: its memory of the last
    steps of another schedule would only disturb the first ones of this. If the zoo evaluated the moving averages
    (`eval_config.use_moving_averages`), it is they that become the weights, as in the API's exporter: so the detector
    is the one that the zoo published. With `slots` it is the same moment of the same training: global_step, slots and
    averages stay, those of the heads cut alike.

    Args:
      variables: of the pretrained checkpoint.
      pipeline: as the zoo ships it, for all the classes of the checkpoint.
      keep: pretrained class ids, 1..N, in the order in which they become classes 1..len(keep); None for a class that
        the detector was not trained for.
      initial: the API's initial values for the configured pipeline (bridge.detection_model.initial_variables), from
        which the columns of such classes are taken. Not needed where there are none.

    Raises:
      UserError: the checkpoint lacks a class head, or one does not have the columns that the pipeline's classes take.
      IndexError: an id is outside 1..N.
      ValueError: a class is new, and `initial` does not have its columns.
    """
    axes = class_axis.axes(pipeline)
    _require_heads(variables, axes)
    if not slots:
        variables = _at_step_0(variables, averaged=pipeline.eval_config.use_moving_averages)
    count = class_axis.class_count(pipeline)
    kept = dict(variables)
    for name, values in variables.items():
        axis = _axis_of(_SLOT.sub("", name), axes)
        if axis is not None:
            class_axis.require_fit(name, values.shape, axis, count)
            kept[name] = cut(values, axis, count, keep, _fresh(name, initial or {}))
    return kept


def cut(
    values: np.ndarray, axis: ClassAxis, class_count: int, keep: Keep, fresh: np.ndarray | None = None
) -> np.ndarray:
    """Keep the background, if there is one, and the classes `keep` in one variable of a class head.

    Args:
      values: float32 [..., groups * (background + class_count) * code].
      class_count: classes that the head was trained for, the background not counted.
      keep: as for cut_checkpoint.
      fresh: float32 [..., groups * (background + len(keep)) * code], from which the columns of new classes are taken.

    Returns:
      float32, of the shape of `fresh`.

    Raises:
      IndexError: an id is outside 1..class_count.
      ValueError: a class is new and `fresh` is not given, or has another shape.
    """
    if not all(index is None or 1 <= index <= class_count for index in keep):
        raise IndexError(f"class ids {list(keep)} are not all within 1..{class_count}")
    by_class = values.reshape(*values.shape[:-1], -1, axis.background + class_count, axis.code)
    first = int(axis.background)  # where class 1 lies
    kept = by_class[..., [*range(first), *(first - 1 + (index or 1) for index in keep)], :]
    new = [first + place for place, index in enumerate(keep) if index is None]
    if new:
        if fresh is None or fresh.size != kept.size:
            raise ValueError("classes that the detector was not trained for need initial values of the new pipeline")
        kept[..., new, :] = fresh.reshape(kept.shape)[..., new, :]
    return np.ascontiguousarray(kept.reshape(*values.shape[:-1], -1))


def _require_heads(variables: Mapping[str, np.ndarray], axes: list[ClassAxis]) -> None:
    for axis in axes:
        if not any(axis.holds(name) for name in variables):
            raise UserError(
                f"the checkpoint has no class head {axis.layer}; pipeline.config and checkpoint of this archive do "
                "not belong together"
            )


def _at_step_0(variables: Mapping[str, np.ndarray], averaged: bool) -> dict[str, np.ndarray]:
    """Without what an optimizer had added; `averaged`: with the moving averages, where there are any, as weights."""
    kept = {
        name: variables.get(name + MOVING_AVERAGE, values) if averaged else values
        for name, values in variables.items()
        if not _SLOT.search(name) and not _OF_NO_VARIABLE.search(name)
    }
    kept[GLOBAL_STEP] = np.zeros([], np.int64)
    return kept


def _axis_of(variable: str, axes: list[ClassAxis]) -> ClassAxis | None:
    return next((axis for axis in axes if axis.holds(variable)), None)


def _fresh(name: str, initial: Mapping[str, np.ndarray]) -> np.ndarray | None:
    """What `name`, a variable or what an optimizer keeps for it, is before the first step of training."""
    if name in initial:
        return initial[name]
    values = initial.get(_SLOT.sub("", name))
    if values is None or name.endswith(MOVING_AVERAGE):
        return values
    return np.ones_like(values) if name.endswith(_BEGINS_AT_ONE) else np.zeros_like(values)
