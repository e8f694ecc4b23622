"""Cut a detector's class head down to the categories that are kept, weights and all.

For every anchor an SSD scores each class; the scores of all anchors at one place of a feature map come out of one
convolution whose last axis is laid out as

    anchor 0: background, class 1, ..., class N | anchor 1: background, class 1, ... | ...

So the trained weights of "dog" are a set of columns, and keeping dog and cat means keeping their columns and those of
the background. Nothing else in the detector depends on the number of classes. With a sigmoid score converter, as all
SSD models of the zoo have, the scores of the classes kept are exactly what they were.
"""

from __future__ import annotations

import re

import numpy as np

from todus.errors import UserError

BACKGROUND = 0

# In convolutional and in weight-shared predictors; the depthwise half of a separable head has no class axis.
_CLASS_HEAD = re.compile(r"(?:^|/)ClassPredictor/(?:weights|biases)$")

# What training adds to a model's variables, by the last part of the name.
_TRAINING_ONLY = re.compile(r"/(?:ExponentialMovingAverage|RMSProp(?:_1)?|Momentum|Adam(?:_1)?)$|^beta[12]_power$")


def is_class_head(variable: str) -> bool:
    return bool(_CLASS_HEAD.search(variable))


def cut(values: np.ndarray, class_count: int, keep: list[int]) -> np.ndarray:
    """Keep the background and the classes `keep` of a class head's weights or biases.

    Args:
      values: float32 [..., anchors * (class_count + 1)].
      class_count: classes that the head was trained for, the background not counted.
      keep: ids 1..class_count, in the order in which they become classes 1..len(keep).

    Returns:
      float32 [..., anchors * (len(keep) + 1)].

    Raises:
      UserError: the last axis is not a whole number of anchors.
      IndexError: an id is outside 1..class_count.
    """
    if values.shape[-1] % (class_count + 1):
        raise UserError(
            f"the class head has {values.shape[-1]} outputs, which is no multiple of {class_count} classes and "
            "background; pipeline.config and checkpoint of this archive do not belong together"
        )
    if not all(1 <= index <= class_count for index in keep):
        raise IndexError(f"class ids {keep} are not all within 1..{class_count}")
    by_anchor = values.reshape(*values.shape[:-1], -1, class_count + 1)
    kept = by_anchor[..., [BACKGROUND, *keep]]
    return np.ascontiguousarray(kept.reshape(*values.shape[:-1], -1))


def cut_checkpoint(variables: dict[str, np.ndarray], class_count: int, keep: list[int]) -> dict[str, np.ndarray]:
    """The variables of a detector for the classes `keep` only, at step 0, without what an optimizer had added.

    Raises:
      UserError: there is no class head among the variables.
    """
    if not any(is_class_head(name) for name in variables):
        raise UserError("the checkpoint has no SSD class head (.../ClassPredictor/weights); only SSD models can be cut")
    kept = {
        name: cut(values, class_count, keep) if is_class_head(name) else values
        for name, values in variables.items()
        if not _TRAINING_ONLY.search(name)
    }
    kept["global_step"] = np.zeros([], np.int64)
    return kept
