"""A format's row: what is known of it."""

from __future__ import annotations

from dataclasses import dataclass

from todus.benchmark.accuracy import Accuracy
from todus.benchmark.figures import Figures
from todus.benchmark.making import Made
from todus.benchmark.timing import Timings


@dataclass(frozen=True)
class Row:
    """parameters: see parameters.count; reason: why the rest is not known, else empty."""

    made: Made
    parameters: int | None
    reason: str = ""
    timings: Timings | None = None
    figures: Figures | None = None
    accuracy: Accuracy | None = None

    @property
    def name(self) -> str:
        return self.made.format.name

    @property
    def title(self) -> str:
        return self.made.format.title
