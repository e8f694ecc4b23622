"""Train a prepared model on its dataset, from model.ckpt-0 or from the newest checkpoint of an earlier run.

    python -m todus.training.train --model-dir model/ssd_mobilenet_v2_coco_2018_03_29 --steps 2000

Ctrl-C (or SIGTERM) saves and ends; the same command goes on from there, optimizer included.
"""

from __future__ import annotations

import argparse
import time

from todus import checkpoint, command, progress
from todus.bridge import pipeline as pipelines
from todus.layout import Model
from todus.zoo import learning_rate, prepared

SAVE_EVERY = 600.0  # seconds, as the API's own trainer does


def train(model: Model, steps: int | None, batch_size: int | None, base_rate: float | None) -> None:
    """Raises UserError if the model or its dataset is not prepared, or no longer belong together."""
    pipeline = prepared.require_trainable(model)
    steps = steps or pipeline.train_config.num_steps
    newest = checkpoint.newest(model.training)
    if checkpoint.step_of(newest) >= steps:
        progress.say(f"{newest.name} is already there: nothing to do for {steps} steps in all; raise STEPS to go on")
        return
    apply_settings(pipeline, steps, batch_size, base_rate)
    progress.say(
        f"training {model.name} from {newest.name} to step {steps}, batch size {pipeline.train_config.batch_size}; "
        "building the graph takes some seconds"
    )
    started = time.monotonic()

    from todus.training import loop  # TensorFlow: only once it is certain that there is something to train

    outcome = loop.run(pipeline, model.training, newest, steps, SAVE_EVERY)
    if outcome.stopped_by:
        progress.say(
            f"stopped at step {outcome.step} of {steps} by {outcome.stopped_by}; run the same command to go on"
        )
    reached = checkpoint.at_step(model.training, outcome.step)
    progress.made(reached, started, checkpoint.size_on_disk(reached))


def apply_settings(pipeline: pipelines.Pipeline, steps: int, batch_size: int | None, base_rate: float | None) -> None:
    pipeline.train_config.num_steps = steps
    learning_rate.fit_to_steps(pipeline, steps)
    if batch_size:
        pipeline.train_config.batch_size = batch_size
    if base_rate:
        learning_rate.set_learning_rate(pipeline, base_rate)


def main() -> None:
    arguments = parse_arguments()
    model = Model(arguments.model_dir)
    train(model, arguments.steps, arguments.batch_size, arguments.learning_rate)
    progress.next_step(command.for_model("eval", model))


def parse_arguments() -> argparse.Namespace:
    parser = command.parser(__doc__)
    command.add_model_dir(parser)
    parser.add_argument("--steps", type=command.positive(int), metavar="N", help="steps in all, earlier runs included")
    parser.add_argument("--batch-size", type=command.positive(int), metavar="N", help="images a step")
    parser.add_argument("--learning-rate", type=command.positive(float), metavar="X", help="base learning rate")
    return parser.parse_args()


if __name__ == "__main__":
    command.run(main)
