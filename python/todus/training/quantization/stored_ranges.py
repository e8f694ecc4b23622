"""What a checkpoint holds of ranges, told by the names of its variables."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

_SETTLED = 20_000  # steps, after which a moving average does not know how it began (ranges.DECAY ** 20,000 is 2e-9)


def are_in(names: Iterable[str]) -> bool:
    """Whether a checkpoint with variables of these `names` has ranges of activations."""
    return any(name.endswith("/act_quant/max") for name in names)


def settled(variables: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What the ranges of activations in `variables` would follow from, had they been averaged for long; by name.

    Only what is missing in `variables`. The zoo's checkpoints have ranges without it; training would begin its averages
    anew then, and take the ranges of its first batch for those of all.
    """
    averages = {}
    for name, value in variables.items():
        scope, _, end = name.rpartition("/")
        if scope.endswith("_quant") and not scope.endswith("weights_quant") and end in ("min", "max"):
            averages[f"{scope}/{name}/biased"] = value
            averages[f"{scope}/{name}/local_step"] = np.float32(_SETTLED)
    return {name: value for name, value in averages.items() if name not in variables}
