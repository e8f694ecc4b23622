"""Set the learning rate of a pipeline, whatever schedule it follows."""

from __future__ import annotations

from todus.bridge.pipeline import Pipeline
from todus.errors import UserError

# The rates of each schedule of object_detection/protos/optimizer.proto; the first is the one that people mean.
_RATES = {
    "constant_learning_rate": ("learning_rate",),
    "exponential_decay_learning_rate": ("initial_learning_rate", "burnin_learning_rate", "min_learning_rate"),
    "manual_step_learning_rate": ("initial_learning_rate",),
    "cosine_decay_learning_rate": ("learning_rate_base", "warmup_learning_rate"),
}


def set_learning_rate(pipeline: Pipeline, rate: float) -> None:
    """Make `rate` the schedule's base rate; the schedule's other rates keep their proportion to it."""
    optimizer = pipeline.train_config.optimizer
    kind = optimizer.WhichOneof("optimizer")
    learning_rate = getattr(optimizer, kind).learning_rate
    schedule = learning_rate.WhichOneof("learning_rate")
    if schedule not in _RATES:
        raise UserError(f"LEARNING_RATE cannot be set for the schedule {schedule}; edit pipeline.config")
    settings = getattr(learning_rate, schedule)
    factor = rate / getattr(settings, _RATES[schedule][0])
    for name in _RATES[schedule]:
        setattr(settings, name, getattr(settings, name) * factor)
    for step in getattr(settings, "schedule", ()):  # manual steps: a rate each
        step.learning_rate *= factor
