"""Train a prepared model on its dataset, from model.ckpt-0 or from the newest checkpoint of an earlier run.

    python -m todus.training.train --model-dir model/ssd_mobilenet_v2_coco_2018_03_29 --steps 2000

Ctrl-C (or SIGTERM) saves and ends; the same command goes on from there, optimizer included.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

from todus import checkpoint, command, files, progress
from todus.bridge.pipeline import Pipeline
from todus.errors import UserError
from todus.layout import Model
from todus.training import options
from todus.training.distributed import cluster as clusters
from todus.training.distributed import parameter_server, roles
from todus.training.distributed.cluster import Cluster
from todus.training.options import Every, Options
from todus.training.plan import Settings, Watcher
from todus.training.process import background, running
from todus.training.quantization.start import require_ranges
from todus.training.validating import best, stopping
from todus.zoo import learning_rate, prepared

SAVE_EVERY = Every(seconds=600.0)  # as the API's own trainer does


def train(model: Model, wanted: Options) -> None:
    """Raises UserError if the model or its dataset is not prepared, or no longer belong together."""
    cluster = clusters.parse(wanted.tf_config)
    roles.require_possible(wanted, cluster)
    if cluster and cluster.is_server:
        parameter_server.serve(cluster)
        return
    pipeline = prepared.require_trainable(model)
    steps = wanted.steps or pipeline.train_config.num_steps
    if cluster and not cluster.is_chief:
        apply_options(pipeline, steps, wanted)
        roles.work(model, pipeline, settings(steps, wanted), wanted, cluster)
        return
    running.require_none(model)
    with files.locked(model.training):
        is_over = has_reached(model, steps)
        apply_options(pipeline, steps, wanted)
        if is_over and cluster:
            roles.dismiss(model, pipeline, settings(steps, wanted), wanted, cluster)
        if not is_over:
            require_validation_images(model, wanted)
        if not (is_over or wanted.background):
            run(model, pipeline, steps, wanted, cluster)
    if wanted.background and not is_over:
        background.start(model, [*sys.argv[1:], "--background", "0"])
    else:
        say_what_is_next(model)


def has_reached(model: Model, steps: int) -> bool:
    """Whether there is a checkpoint of that step that is whole, which is said."""
    newest = checkpoint.newest(model.training)
    if checkpoint.step_of(newest) >= steps:  # so it seems; it may be damaged
        newest = newest_intact(model, progress.say)
    if checkpoint.step_of(newest) < steps:
        return False
    progress.say(f"{newest.name} is already there: nothing to do for {steps} steps in all; raise STEPS to go on")
    return True


def apply_options(pipeline: Pipeline, steps: int, wanted: Options) -> None:
    pipeline.train_config.num_steps = steps
    learning_rate.fit_to_steps(pipeline, steps)
    if wanted.learning_rate:
        learning_rate.set_learning_rate(pipeline, wanted.learning_rate)
    if wanted.batch_size:
        learning_rate.set_batch_size(pipeline, wanted.batch_size, wanted.scale_learning_rate)
    elif wanted.scale_learning_rate:
        raise UserError("SCALE_LEARNING_RATE=1 goes by BATCH_SIZE, which is not given; give it, or leave both out")


def newest_intact(model: Model, say: Callable[[str], None]) -> Path:
    return checkpoint.newest_intact(model.training, f"run {command.for_model('model', model)}", say)


def run(model: Model, pipeline: Pipeline, steps: int, wanted: Options, cluster: Cluster | None) -> None:
    """For who holds the lock of training/."""
    from todus.training import loop  # TensorFlow: only once it is certain that there is something to train
    from todus.training.monitoring.train_log import TrainLog

    log = TrainLog(model.training)
    start = newest_intact(model, log.say)
    log.say(
        f"training {model.name} from {start.name} to step {steps}, batch size {pipeline.train_config.batch_size}; "
        "building the graph takes some seconds"
    )
    require_ranges(model, pipeline, start, is_locked=True)
    started = time.monotonic()
    with roles.placed(model, pipeline, wanted, cluster) as placement:
        outcome = loop.run(
            pipeline,
            model.training,
            start,
            settings(steps, wanted),
            watchers(model, steps, wanted),
            placement,
        )
    if outcome.stopped_by:
        way_on = "" if outcome.stopped_by.startswith(stopping.UNTIL_AP) else "; run the same command to go on"
        log.say(f"stopped at step {outcome.step} of {steps} by {outcome.stopped_by}{way_on}")
    if outcome.step > checkpoint.step_of(start):
        reached = checkpoint.at_step(model.training, outcome.step)
        progress.made(reached, started, checkpoint.size_on_disk(reached))


def settings(steps: int, wanted: Options) -> Settings:
    every = wanted.save_every or SAVE_EVERY
    return Settings(
        steps=steps,
        save_steps=every.steps,
        save_seconds=every.seconds,
        kept=wanted.keep,
        precision=wanted.precision,
        xla=wanted.xla,
    )


def watchers(model: Model, steps: int, wanted: Options) -> list[Watcher]:
    """Who evaluates while training, and says when it is enough."""
    if not wanted.evaluates:
        return []
    from todus.evaluation import while_training

    return [while_training.validation(model, wanted, steps)]


def require_validation_images(model: Model, wanted: Options) -> None:
    """Raises UserError if the run is to evaluate and cannot."""
    if wanted.evaluates:
        from todus.evaluation import while_training

        while_training.images(model, wanted.eval_images)


def say_what_is_next(model: Model) -> None:
    """Evaluation: of the best checkpoint, where that is not the newest."""
    progress.next_step(command.for_model("eval", model) + (" CHECKPOINT=best" if best.is_ahead(model) else ""))


def main() -> None:
    parser = command.parser(__doc__)
    command.add_model_dir(parser)
    options.add_to(parser)
    arguments = parser.parse_args()
    model = Model(arguments.model_dir)
    train(model, options.from_arguments(arguments))


if __name__ == "__main__":
    command.run(main)
