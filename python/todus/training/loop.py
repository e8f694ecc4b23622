"""The training loop: one step after another, with progress, checkpoints, and a clean end when asked to stop."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from todus import checkpoint, files, progress
from todus.bridge import training_graph
from todus.bridge.graph_mode import tf
from todus.bridge.pipeline import Pipeline
from todus.errors import WorldError
from todus.training import restore

CHECKPOINTS_KEPT = 5
SUMMARY_EVERY = 100  # steps
SMOOTHING = 0.95  # of the loss that is shown: its weight on what was before


@dataclass(frozen=True)
class Outcome:
    """How a run ended: at which step, and which signal asked it to stop, if any."""

    step: int
    stopped_by: str | None


def run(pipeline: Pipeline, folder: Path, start: Path, steps: int, save_every: float) -> Outcome:
    """Train from the checkpoint `start` until the global step is `steps`; write checkpoints and events to `folder`.

    Args:
      save_every: seconds between checkpoints. One more is written at the end, however it comes.

    Raises:
      WorldError: the loss became NaN or infinite.
    """
    with tf.Graph().as_default():
        graph = training_graph.build(pipeline)
        restore_start = restore.restorer(start)
        scaffold = tf.train.Scaffold(
            saver=tf.train.Saver(max_to_keep=CHECKPOINTS_KEPT, save_relative_paths=True),
            init_fn=lambda _, session: restore_start(session),
        )
        saver = CheckpointWriter(folder, save_every, scaffold, graph.loss)
        hooks = [saver, tf.train.SummarySaverHook(SUMMARY_EVERY, output_dir=str(folder), scaffold=scaffold)]
        with (
            files.locked(folder),  # two runs would write over each other's checkpoints
            asked_to_stop() as stop,
            _session(scaffold, hooks) as session,
        ):
            return _steps(session, graph, steps, stop, folder)


def _session(scaffold: tf.train.Scaffold, hooks: list) -> tf.train.MonitoredSession:
    return tf.train.MonitoredSession(tf.train.ChiefSessionCreator(scaffold), hooks=hooks)


def _steps(
    session: tf.train.MonitoredSession, graph: training_graph.TrainingGraph, steps: int, stop: Stop, folder: Path
) -> Outcome:
    step = session.run_step_fn(lambda step_context: step_context.session.run(graph.global_step))
    smoothed = None
    started = time.monotonic()
    with progress.Progress("train", steps, "step", done=int(step)) as bar:
        while step < steps and not stop.signal:
            _, loss = session.run([graph.train_op, graph.loss])
            step += 1
            if not math.isfinite(loss):
                newest = checkpoint.newest(folder)
                raise WorldError(
                    f"the loss is {loss} at step {step}; lower LEARNING_RATE and run again: training goes on from "
                    f"{newest.name if newest else 'the start'}"
                )
            if smoothed is None:
                smoothed = float(loss)
                progress.say(f"first step after {progress.human_time(time.monotonic() - started)}, loss {loss:.3f}")
            smoothed = SMOOTHING * smoothed + (1 - SMOOTHING) * float(loss)
            bar.advance(note=f"loss {smoothed:.3f}")
    return Outcome(int(step), stop.signal)


class CheckpointWriter(tf.train.SessionRunHook):
    """Writes a checkpoint every `seconds` and when training ends for any reason but a failure of the step itself.

    Not tf.train.CheckpointSaverHook, which would write over model.ckpt-0 at the start.
    """

    def __init__(self, folder: Path, seconds: float, scaffold: tf.train.Scaffold, loss: tf.Tensor):
        self.folder, self.seconds, self.scaffold, self.loss = folder, seconds, scaffold, loss
        self.saved_step = None
        self.due = math.inf

    def begin(self) -> None:
        self.global_step = tf.train.get_global_step()

    def after_create_session(self, session: tf.Session, coord: tf.train.Coordinator) -> None:
        self.saved_step = session.run(self.global_step)
        # Keep rotating the files of the run that is resumed, all but the start of training.
        state = tf.train.get_checkpoint_state(str(self.folder))
        if state:
            rotated = [path for path in state.all_model_checkpoint_paths if checkpoint.step_of(Path(path)) > 0]
            self.scaffold.saver.recover_last_checkpoints(rotated)
        self.due = time.monotonic() + self.seconds

    def before_run(self, run_context: tf.train.SessionRunContext) -> tf.train.SessionRunArgs:
        return tf.train.SessionRunArgs(self.loss)

    def after_run(self, run_context: tf.train.SessionRunContext, run_values: tf.train.SessionRunValues) -> None:
        # Weights that made the loss NaN are not worth keeping, and would be what the next run starts from.
        if time.monotonic() >= self.due and math.isfinite(run_values.results):
            self.save(run_context.session)

    def end(self, session: tf.Session) -> None:
        self.save(session)

    def save(self, session: tf.Session) -> None:
        step = session.run(self.global_step)
        if step != self.saved_step:
            prefix = self.folder / checkpoint.PREFIX
            self.scaffold.saver.save(session, str(prefix), global_step=step, write_meta_graph=False)
            self.saved_step = step
        self.due = time.monotonic() + self.seconds


class Stop:
    """Set by a signal: which one it was."""

    signal: str | None = None


@contextmanager
def asked_to_stop() -> Iterator[Stop]:
    """Turn SIGINT and SIGTERM into a wish that the loop looks at between two steps."""
    stop = Stop()

    def remember(number: int, frame: object) -> None:
        stop.signal = signal.Signals(number).name

    before = {number: signal.signal(number, remember) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
