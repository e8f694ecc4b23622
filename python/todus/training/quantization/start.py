"""See to it that a checkpoint can be quantized: that it holds the ranges of activations, measured if need be.

    python -m todus.training.quantization.start --model-dir model/ssd_mobilenet_v2_coco_2018_03_29

The second half of `make model`, for models with fake quantization (QUANTIZE=1): a few hundred images of the dataset are
run through the detector. Then model.ckpt-0 can be trained, evaluated, exported and converted to 8 bits as it is. A
checkpoint that has ranges, as those of the zoo's quantized models and those that come of training, keeps them.
"""

from __future__ import annotations

import time
from contextlib import nullcontext
from pathlib import Path

from todus import checkpoint, command, files, progress
from todus.bridge import pipeline as pipelines
from todus.bridge.pipeline import Pipeline
from todus.coco.records import drawing
from todus.errors import UserError
from todus.layout import Model
from todus.training.quantization import stored_ranges
from todus.zoo import pipeline as zoo_pipeline
from todus.zoo import prepare, prepared


def require_ranges(model: Model, pipeline: Pipeline, prefix: Path, is_locked: bool = False) -> None:
    """Have the checkpoint `prefix` of `model` hold all that `pipeline` wants of it for fake quantization, if it does.

    Args:
      is_locked: whether the caller holds the lock of training/.

    Raises:
      UserError: the pipeline asks for other than 8 bits; or the ranges have to be measured, but the checkpoint is not
        one of the model's, does not fit the pipeline, or the dataset is not there any more.
      WorldError: the model is being trained right now.
    """
    if not zoo_pipeline.is_quantized(pipeline):
        return
    _require_eight_bits(model, pipeline)
    started = time.monotonic()
    saved = checkpoint.shapes(prefix)
    if not stored_ranges.are_in(saved):
        _require_own(model, prefix)
        _add(_measured(model, pipeline, prefix), model, prefix, started, is_locked)
    elif prefix == checkpoint.at_step(model.training, 0) and stored_ranges.settled(dict.fromkeys(saved)):
        _add(stored_ranges.settled(checkpoint.read(prefix)), model, prefix, started, is_locked)


def _require_eight_bits(model: Model, pipeline: Pipeline) -> None:
    """The API, which calls the rewriter, refuses others."""
    quantization = pipeline.graph_rewriter.quantization
    bits = (quantization.weight_bits, quantization.activation_bits)
    if bits != (8, 8):
        raise UserError(
            f"{progress.shown(model.pipeline)} asks for {bits[0]} bits for weights and {bits[1]} for activations; the "
            "Object Detection API knows 8 only: set weight_bits and activation_bits to 8"
        )


def _require_own(model: Model, prefix: Path) -> None:
    if not prefix.is_relative_to(model.training):
        raise UserError(
            f"checkpoint {progress.shown(prefix)} has no ranges of activations, which the fake quantization of "
            f"pipeline.config needs, and is not the model's own; run: {command.for_model('model', model)} QUANTIZE=0"
        )


def _measured(model: Model, pipeline: Pipeline, prefix: Path) -> dict:
    dataset = prepared.require(model, "train")

    from todus.training.quantization import calibration  # TensorFlow

    progress.say(f"measuring the ranges of activations of {prefix.name} on images of dataset {dataset.name}")
    count = calibration.BATCHES * calibration.BATCH
    variables: dict = {}
    with progress.Progress("ranges", calibration.BATCHES, "batch") as bar:
        for variables in calibration.measure(pipeline, prefix, drawing.images(dataset, count)):  # noqa: B007 (the last)
            bar.advance()
    if not variables:
        raise UserError(f"dataset {dataset.name} has no training images to measure ranges of activations on")
    return variables


def _add(variables: dict, model: Model, prefix: Path, started: float, is_locked: bool) -> None:
    with nullcontext() if is_locked else files.locked(model.training):
        checkpoint.write(prefix, {**variables, **checkpoint.read(prefix)})
    progress.made(prefix, started, checkpoint.size_on_disk(prefix))


def main() -> None:
    parser = command.parser(__doc__)
    command.add_model_dir(parser)
    model = Model(parser.parse_args().model_dir)
    pipeline = pipelines.load(model.pipeline)
    if zoo_pipeline.is_quantized(pipeline):
        require_ranges(model, pipeline, checkpoint.newest(model.training))
        prepare.say_what_is_next(model)


if __name__ == "__main__":
    command.run(main)
