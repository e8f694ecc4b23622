"""The training loop: the graph, the session and one step after another, until all is done or somebody says stop."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from todus import command, layout, progress
from todus.bridge import training_graph
from todus.bridge.graph_mode import tf
from todus.bridge.pipeline import Pipeline
from todus.bridge.training_graph import TrainingGraph
from todus.training import failures, restore, session_config
from todus.training.checkpoint_writer import CheckpointWriter
from todus.training.monitoring.summaries import EventWriter
from todus.training.monitoring.train_log import TrainLog
from todus.training.placement import Here, Placement
from todus.training.plan import Outcome, Settings, Watcher
from todus.training.signals import Stop, asked_to_stop
from todus.training.steps import Steps


def run(
    pipeline: Pipeline,
    folder: Path,
    start: Path,
    settings: Settings,
    watchers: Sequence[Watcher] = (),
    placement: Placement | None = None,
) -> Outcome:
    """Train from the checkpoint `start` until the global step is `settings.steps`.

    `folder` (training/) gets checkpoints, TensorBoard's events and train.log. Two runs would write over each other's
    checkpoints: the caller holds its lock (files.locked), unless this is a worker, which writes none.

    Raises:
      UserError: the start does not fit the pipeline, or the hardware does not fit `settings`.
      WorldError: the loss or a weight became NaN or infinite, a record is damaged, or a checkpoint cannot be written.
    """
    placement = placement or Here()
    config = session_config.make(settings.precision, settings.xla)
    log = TrainLog(folder if placement.is_chief else None)
    with tf.Graph().as_default():
        began = time.monotonic()
        with placement.devices():
            graph = training_graph.build(pipeline)
            writer = CheckpointWriter(folder, settings.kept)
            restore_start = restore.restorer(start, _how_to_begin_anew(folder))
            reached = _step_after(graph)
        scaffold = tf.train.Scaffold(saver=writer.saver, init_fn=lambda _, session: restore_start(session))
        built = time.monotonic()
        log.say(f"graph built in {progress.human_time(built - began)}")
        with (
            asked_to_stop() as stop,
            failures.in_one_line(pipeline, folder),
            _session(scaffold, config, placement, stop) as session,
        ):
            writer = writer if placement.is_chief else None
            events = EventWriter(folder) if placement.is_chief else None
            batches = placement.batches_per_step
            steps = Steps(
                session, graph, reached, settings, folder, writer, events, log, watchers, stop, built, batches
            )
            return steps.to_the_end(start)


def _how_to_begin_anew(folder: Path) -> str:
    return f"run {command.for_model('model', layout.Model(folder.parent))}"


def _step_after(graph: TrainingGraph) -> tf.Tensor:
    """The global step when the step at hand is done; other workers may have raised it further."""
    with tf.control_dependencies([graph.train_op]):
        return tf.identity(graph.global_step.read_value())


def _session(
    scaffold: tf.train.Scaffold, config: tf.ConfigProto, placement: Placement, stop: Stop
) -> tf.train.MonitoredSession:
    return tf.train.MonitoredSession(placement.session_creator(scaffold, config, stop), hooks=list(placement.hooks()))
