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
    """Make `rate` the schedule's base rate; the schedule's other rates keep their proportion to it.

    Raises:
      UserError: the pipeline has no schedule that has a rate to set.
    """
    schedule, settings = _schedule(pipeline)
    if schedule not in _RATES:
        raise UserError(f"LEARNING_RATE cannot be set for the schedule {schedule}; edit pipeline.config")
    base = getattr(settings, _RATES[schedule][0])
    if base <= 0:
        raise UserError(f"LEARNING_RATE cannot scale a {schedule} that starts at {base}; edit pipeline.config")
    scale(pipeline, rate / base)


def scale(pipeline: Pipeline, factor: float) -> None:
    """Multiply all rates of the schedule. Raises UserError if the pipeline has no schedule that has a rate."""
    schedule, settings = _schedule(pipeline)
    if schedule not in _RATES:
        raise UserError(f"the learning rates of the schedule {schedule} cannot be set; edit pipeline.config")
    for name in _RATES[schedule]:
        setattr(settings, name, getattr(settings, name) * factor)
    for step in getattr(settings, "schedule", ()):  # of manual steps: each has a rate
        step.learning_rate *= factor


def set_batch_size(pipeline: Pipeline, size: int, scale_rate: bool = False) -> None:
    """Let a step take `size` images; with `scale_rate` the learning rate goes up or down with it.

    Source: Goyal et al., "Accurate, Large Minibatch SGD" (2017), the linear scaling rule.
    """
    if scale_rate:
        scale(pipeline, size / pipeline.train_config.batch_size)
    pipeline.train_config.batch_size = size


def fit_to_steps(pipeline: Pipeline, steps: int) -> None:
    """Let a cosine decay end when training ends: past its own last step its rate is 0, and nothing would be learnt."""
    schedule, settings = _schedule(pipeline)
    if schedule == "cosine_decay_learning_rate":
        settings.total_steps = steps
        settings.warmup_steps = min(settings.warmup_steps, steps // 10)


def _schedule(pipeline: Pipeline) -> tuple[str | None, object]:
    optimizer = pipeline.train_config.optimizer
    kind = optimizer.WhichOneof("optimizer")
    if kind is None:
        raise UserError("pipeline.config names no optimizer (train_config.optimizer); add one")
    learning_rate = getattr(optimizer, kind).learning_rate
    schedule = learning_rate.WhichOneof("learning_rate")
    if schedule == "manual_step_learning_rate" and not learning_rate.manual_step_learning_rate.schedule:
        raise UserError(
            f"{schedule} in pipeline.config has no schedule; add: schedule {{ step: 1000 learning_rate: 0.001 }}"
        )
    return schedule, getattr(learning_rate, schedule) if schedule else None
