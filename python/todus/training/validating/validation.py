"""Evaluation while training: a watcher of the loop that scores checkpoints, keeps the best, and says when to stop.

How a checkpoint is scored is told from outside (see todus.evaluation.while_training).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from todus import progress
from todus.layout import Model
from todus.markdown import percent
from todus.training.monitoring.summaries import EventWriter
from todus.training.monitoring.train_log import TrainLog
from todus.training.options import Due, Every
from todus.training.validating import best, evaluations
from todus.training.validating.evaluations import Evaluation, Evaluations, Figures, written
from todus.training.validating.stopping import StoppingRule


class Validation:
    """A Watcher (see training/plan.py) that evaluates every so often, and the checkpoint of the last step.

    Args:
      known: what was found before on the same images; is added to.
      measure: scores a checkpoint on them.
    """

    def __init__(
        self,
        model: Model,
        every: Every,
        last_step: int,
        known: Evaluations,
        measure: Callable[[Path], Figures],
        rule: StoppingRule,
    ):
        self.model, self.last_step = model, last_step
        self.known, self.measure, self.rule = known, measure, rule
        self._log = TrainLog(model.training)
        self._evaluated = 0  # the step
        self._due = Due(every, 0, time.monotonic())

    def at_start(self, step: int, prefix: Path) -> str | None:
        """Find out how good the checkpoint is that training starts from: what comes is compared with it."""
        self.rule.go_on_from(self._without_rise(step))
        evaluation = self.known.of(prefix) or self._evaluate(step, prefix)
        self._keep_if_best(prefix, evaluation)
        self._begin_stretch(step)
        return self.rule.is_reached(evaluation.ap)

    def _without_rise(self, step: int) -> int:
        """How many evaluations of earlier runs, in this training up to `step`, have come since the highest."""
        ranks: list[float] = []
        for one in self.known.done:
            if one.step == 0:  # training began anew
                ranks.clear()
            if one.step <= step:
                ranks.append(one.rank)
        return len(ranks) - 1 - ranks.index(max(ranks)) if ranks else 0

    def after_step(self, step: int) -> bool:
        return self._is_due(step)

    def at_checkpoint(self, step: int, prefix: Path) -> str | None:
        if not self._is_due(step):
            return None
        evaluation = self._evaluate(step, prefix)
        is_best = self._keep_if_best(prefix, evaluation)
        self._begin_stretch(step)
        return self.rule.reason(evaluation.ap, is_best)

    def _is_due(self, step: int) -> bool:
        return step != self._evaluated and (step >= self.last_step or self._due.at(step, time.monotonic()))

    def _begin_stretch(self, step: int) -> None:
        self._evaluated = step
        self._due.restart(step, time.monotonic())

    def _evaluate(self, step: int, prefix: Path) -> Evaluation:
        figures = self.measure(prefix)
        evaluation = Evaluation(step, figures.ap, figures.ap50, figures.seconds, written(prefix))
        self.known.done.append(evaluation)
        self._unless_the_disk_fails(evaluations.file_of(self.model), lambda: evaluations.write(self.model, self.known))
        self._log.say(self._line(evaluation, self._best()))
        self._show_in_tensorboard(evaluation)
        return evaluation

    def _show_in_tensorboard(self, evaluation: Evaluation) -> None:
        figures = {"AP": evaluation.ap, "AP50": evaluation.ap50}
        events = EventWriter(self.model.training)
        events.scalars(evaluation.step, {f"validation/{n}": v for n, v in figures.items() if v is not None})
        events.flush()

    def _keep_if_best(self, prefix: Path, evaluation: Evaluation) -> bool:
        """Copy the checkpoint to best/ if it is the best so far; returns whether it is."""
        before = self._best()
        if before is not None and evaluation.rank <= before.rank:
            return False
        self._unless_the_disk_fails(
            self.model.best / prefix.name, lambda: best.keep(self.model, prefix, evaluation, self.known)
        )
        return True

    def _unless_the_disk_fails(self, target: Path, write: Callable[[], None]) -> None:
        """What is found on the way is not worth a training: if it cannot be written, that is said."""
        try:
            write()
        except OSError as error:
            self._log.say(f"{progress.shown(target)} could not be written ({error.strerror or error}); make room there")

    def _best(self) -> best.Best | None:
        """The best so far, of an earlier run too, as long as it was measured on the same images."""
        kept = best.read(self.model)
        return kept if kept is not None and kept.ground_truth == self.known.ground_truth else None

    def _line(self, evaluation: Evaluation, before: best.Best | None) -> str:
        """`step 500: AP 23.4 (best 24.0 at step 300), AP50 41.0, 80 images in 5.1 s`."""
        if before is None:
            compared = ""
        elif evaluation.rank > before.rank:
            compared = f" (the best so far; before: {percent(before.ap)} at step {before.step})"
        else:
            compared = f" (best {percent(before.ap)} at step {before.step})"
        return (
            f"step {evaluation.step}: AP {percent(evaluation.ap)}{compared}, AP50 {percent(evaluation.ap50)}, "
            f"{self.known.images:,} images in {progress.human_time(evaluation.seconds)}"
        )
