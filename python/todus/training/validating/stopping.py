"""When training has done its work: an average precision is reached, or no longer rises."""

from __future__ import annotations

from dataclasses import dataclass

UNTIL_AP = "UNTIL_AP"  # how the reason begins that has come for good


@dataclass
class StoppingRule:
    """Looks at one evaluation after the other.

    until_ap: the average precision, 0 to 1, that is enough; None: there is no such.
    patience: how many evaluations one after the other may stay below the best so far; None: any number.
    """

    until_ap: float | None = None
    patience: int | None = None
    _without_rise: int = 0

    def go_on_from(self, without_rise: int) -> None:
        """Let so many evaluations of earlier runs count that stayed below the best before them."""
        self._without_rise = without_rise

    def is_reached(self, average_precision: float | None) -> str | None:
        """Why to stop at this average precision, or None."""
        if self.until_ap is None or average_precision is None or average_precision < self.until_ap:
            return None
        return f"{UNTIL_AP}: AP {100 * average_precision:.1f} has reached {100 * self.until_ap:.1f}"

    def reason(self, average_precision: float | None, is_best: bool) -> str | None:
        """Why to stop after one more evaluation, or None. `is_best`: it was the best so far."""
        self._without_rise = 0 if is_best else self._without_rise + 1
        if reached := self.is_reached(average_precision):
            return reached
        if self.patience is not None and self._without_rise >= self.patience:
            times = "one evaluation" if self._without_rise == 1 else f"{self._without_rise} evaluations"
            return f"PATIENCE: AP has not risen for {times}"
        return None
