"""The steps of a training run, once there is a session: progress, TensorBoard, checkpoints, and when to end."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from todus import checkpoint, progress
from todus.bridge.graph_mode import tf
from todus.bridge.training_graph import TrainingGraph
from todus.errors import TodusError
from todus.training import divergence
from todus.training.checkpoint_writer import RECOVERABLE, CheckpointWriter
from todus.training.monitoring import pictures
from todus.training.monitoring.meter import Meter, Step
from todus.training.monitoring.summaries import EventWriter
from todus.training.monitoring.train_log import TrainLog
from todus.training.options import Due, Every
from todus.training.plan import Outcome, Settings, Watcher
from todus.training.signals import Stop

SUMMARY_STEPS = 20  # between two points of TensorBoard's curves
PICTURE_STEPS = 500  # between two batches that are drawn for it
END_OF_DATA = "the end of the data (num_epochs of train_input_reader in pipeline.config)"

Result = TypeVar("Result")


class Steps:
    """`writer`, `events`: of the process that keeps the run; None in any other."""

    def __init__(
        self,
        session: tf.train.MonitoredSession,
        graph: TrainingGraph,
        reached: tf.Tensor,
        settings: Settings,
        folder: Path,
        writer: CheckpointWriter | None,
        events: EventWriter | None,
        log: TrainLog,
        watchers: Sequence[Watcher],
        stop: Stop,
        built: float,
        batches_per_step: int = 1,
    ):
        self.session, self.graph, self.settings, self.folder = session, graph, settings, folder
        self.writer, self.events, self.log, self.watchers, self.stop = writer, events, log, watchers, stop
        self.built = built  # when the graph was
        self.fetches = {
            "train_op": graph.train_op,
            "step": reached,
            "loss": graph.loss,
            "losses": graph.losses,
            "learning_rate": graph.learning_rate,
            "image_ids": graph.image_ids,
            "data_wait": graph.data_wait,
        }
        self.meter = Meter(graph.batch_size * batches_per_step)
        self.stopped_by: str | None = None
        self.step = int(self._outside_hooks(lambda session: session.run(graph.global_step)))
        self.saved_step = self.step
        self.loss_watch = divergence.LossWatch(self.step)
        self.summary_due, self.pictures_due = (
            Due(Every(steps=steps), self.step) for steps in (SUMMARY_STEPS, PICTURE_STEPS)
        )
        every = (Every(steps=settings.save_steps), Every(seconds=settings.save_seconds))
        self.save_due = [Due(each, self.step) for each in every if each != Every()]

    def to_the_end(self, start: Path) -> Outcome:
        if self.writer:
            self.writer.tidy()
            self.events.start(self.step)
            self._ask([watcher.at_start for watcher in self.watchers], start)
        with progress.Progress(
            "train",
            self.settings.steps,
            "step",
            self.step,
            own_rate=False,
            also=self.log.note,
            quiet=self.log.is_standard_error,
        ) as bar:
            try:
                self._all_steps(bar)
            except RECOVERABLE:
                raise
            except tf.errors.OpError:  # a damaged record for instance; the variables are as the last step left them
                self._save_in_spite_of_it()
                raise
            self._save_last()
        if self.meter.last:
            self.log.say(f"step {self.step}: {self.meter.line(self.settings.steps - self.step)}")
        return Outcome(self.step, self.stop.signal or self.stopped_by)

    def _all_steps(self, bar: progress.Progress) -> None:
        while self.step < self.settings.steps and not self._is_stopped():
            try:
                self._one_step()
            except tf.errors.OutOfRangeError:
                self.stopped_by = END_OF_DATA
                return
            bar.advance(self.step - bar.done, note=self.meter.line(self.settings.steps - self.step))
            self._look_around()

    def _is_stopped(self) -> bool:
        return bool(self.stop.signal or self.stopped_by) or self.session.should_stop()

    def _one_step(self) -> None:
        started, before = time.monotonic(), self.step
        said = self.session.run(self.fetches)
        seconds = time.monotonic() - started
        self.step = int(said["step"])
        if not self.loss_watch.add(self.step, float(said["loss"])):
            self._diverged(f"the loss is {said['loss']} at step {self.step}", said["image_ids"])
        is_first = self.meter.last is None
        losses = {name: float(value) for name, value in said["losses"].items()}
        rate, wait = float(said["learning_rate"]), float(said["data_wait"])
        self.meter.add(Step(float(said["loss"]), losses, rate, seconds, wait, self.step - before))
        if is_first:
            since = progress.human_time(time.monotonic() - self.built)
            self.log.say(f"first step after {since}, loss {said['loss']:.3f}")
        self._summarise(is_first)

    def _summarise(self, is_first: bool) -> None:
        if not self.events:
            return
        if is_first or self.summary_due.over(self.step):
            self.events.scalars(self.step, self.meter.scalars())
        if is_first or self.pictures_due.over(self.step):
            # A batch of its own, so that the steps need not bring their images out of the graph.
            images, boxes = self._outside_hooks(lambda session: session.run([self.graph.images, self.graph.boxes]))
            for number, picture in enumerate(pictures.drawn(images, boxes)):
                self.events.image(self.step, f"batch/{number}", picture)

    def _look_around(self) -> None:
        """Write a checkpoint where it is time, or somebody wants one, and show it to all watchers."""
        wanted = [watcher.after_step(self.step) for watcher in self.watchers]
        if self.writer and (any(wanted) or any(due.at(self.step) for due in self.save_due)):
            self._save()

    def _save_last(self) -> None:
        if self.writer and self.step != self.saved_step:
            self._save()
        if self.events:
            self.events.flush()

    def _save_in_spite_of_it(self) -> None:
        """Write a checkpoint if one can be written, and show it to nobody; what went wrong is what is to be told."""
        if self.writer and self.step != self.saved_step:
            with contextlib.suppress(TodusError, tf.errors.OpError):
                is_well = self.loss_watch.is_well(self.step)
                self._outside_hooks(lambda session: self.writer.save(session, self.step, is_well))

    def _save(self) -> None:
        is_well = self.loss_watch.is_well(self.step)
        try:
            prefix = self._outside_hooks(lambda session: self.writer.save(session, self.step, is_well))
        except divergence.DivergedError as error:
            self._diverged(f"{error} by step {self.step}")
        self.step = self.saved_step = checkpoint.step_of(prefix)  # other processes may have raised it since
        self.events.flush()
        self._ask([watcher.at_checkpoint for watcher in self.watchers], prefix)
        for due in self.save_due:
            due.restart(self.step)

    def _ask(self, watchers: Sequence[Callable[[int, Path], str | None]], prefix: Path) -> None:
        """Show the checkpoint to those who watch, and stop if one of them says so."""
        for look in watchers:
            self.stopped_by = self.stop.call(look, self.step, prefix) or self.stopped_by

    def _outside_hooks(self, function: Callable[[tf.Session], Result]) -> Result:
        """What `function` returns of the plain session."""
        return self.session.run_step_fn(lambda step_context: function(step_context.session))

    def _diverged(self, what: str, image_ids: Sequence[bytes] = ()) -> None:
        if not self.writer:
            raise divergence.DivergedError(f"{what}; the chief will see it too, and say what to do")
        raise divergence.error(what, image_ids, self.folder, self.loss_watch.well_until, self.loss_watch.first_step)
