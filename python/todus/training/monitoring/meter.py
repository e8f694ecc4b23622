"""How training goes: the smoothed loss, and the speed over the last stretch of steps."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from todus import progress

STRETCH = 100  # steps, at most, that the speed is taken from
SMOOTHING = 0.95  # of the losses that are shown: the weight on what was before
# The losses that are shown, as the API calls them: of an SSD, or of both stages of a Faster R-CNN.
_SHOWN = ("classification", "localization", "objectness", "mask")


@dataclass(frozen=True)
class Step:
    """What one step said.

    losses: the parts of `loss`, by the API's names.
    seconds: it took; `data_wait` of them it waited for its batch.
    count: by which the global step rose meanwhile; other workers take part in that. Less than 1 where a parameter
      server was started again, and training went back to a checkpoint.
    """

    loss: float
    losses: dict[str, float]
    learning_rate: float
    seconds: float
    data_wait: float
    count: int = 1


class Meter:
    """Of all processes that train together, but for the losses and the waiting, which are those of this one.

    Only steps count, so that whatever happens between two of them does not make the speed look lower.
    """

    def __init__(self, images_per_step: int):
        self.images_per_step = images_per_step
        self.last: Step | None = None
        self.loss = 0.0
        self.losses: dict[str, float] = {}
        self._stretch: deque[Step] = deque(maxlen=STRETCH)

    def add(self, step: Step) -> None:
        """The first step is not taken for the speed: it makes the session's graph ready."""
        if self.last is None:
            self.loss, self.losses = step.loss, dict(step.losses)
        elif step.count < 1:
            self._stretch.clear()
        else:
            self._stretch.append(step)
        self.last = step
        self.loss = _smoothed(self.loss, step.loss)
        self.losses = {name: _smoothed(self.losses[name], value) for name, value in step.losses.items()}

    def scalars(self) -> dict[str, float]:
        """What TensorBoard gets: the last step's losses as they were, the speed over the stretch."""
        values = {"loss/total": self.last.loss, "learning_rate": self.last.learning_rate}
        values.update({f"loss/{name.removesuffix('_loss')}": value for name, value in self.last.losses.items()})
        if self._stretch:
            values["speed/steps_per_second"] = self.steps_per_second
            values["speed/images_per_second"] = self.images_per_second
            values["speed/waiting_for_data"] = self.data_wait
        return values

    @property
    def steps_per_second(self) -> float:
        return sum(step.count for step in self._stretch) / self._seconds

    @property
    def images_per_second(self) -> float:
        return self.steps_per_second * self.images_per_step

    @property
    def data_wait(self) -> float:
        """The share of the time that was spent waiting for data."""
        return min(1.0, sum(step.data_wait for step in self._stretch) / self._seconds)

    @property
    def _seconds(self) -> float:
        return max(sum(step.seconds for step in self._stretch), 1e-9)

    def line(self, steps_left: int) -> str:
        """Losses, learning rate, speed and the time that is left, for people."""
        parts = [f"loss {self.loss:.3f}{self._parts()}", f"learning rate {self.last.learning_rate:.3g}"]
        if self._stretch:
            parts += [
                f"{self.steps_per_second:.2f} steps/s",
                f"{self.images_per_second:.0f} images/s",
                f"{self.data_wait:.0%} waiting for data",
            ]
        if self._stretch and steps_left > 0:
            parts.append(f"{progress.human_time(steps_left / self.steps_per_second)} left")
        return ", ".join(parts)

    def _parts(self) -> str:
        shown = [f"{_short(name)} {value:.3f}" for name, value in sorted(self.losses.items()) if _short(name)]
        return f" ({', '.join(shown)})" if shown else ""


def _smoothed(before: float, now: float) -> float:
    return SMOOTHING * before + (1 - SMOOTHING) * now


def _short(name: str) -> str | None:
    """`BoxClassifierLoss/mask_loss` -> `mask of stage 2`; None: not shown."""
    stage, _, kind = name.rpartition("/")
    shown = kind.removesuffix("_loss")
    if shown not in _SHOWN:
        return None
    return f"{shown} of stage 2" if stage.startswith("BoxClassifier") else shown
