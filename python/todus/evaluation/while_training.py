"""Scores checkpoints for a training that goes on: on all validation images, or on some that are always the same.

Training waits meanwhile: on a CPU both at once would take as long, and slow each other down.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from todus import progress
from todus.bridge import pipeline as pipelines
from todus.coco import label_map
from todus.errors import UserError
from todus.evaluation import evaluate, graphs, report, validation_set
from todus.evaluation.detectors import Detector
from todus.evaluation.validation_set import ValidationSet
from todus.layout import Model
from todus.markdown import percent
from todus.training.options import PRETRAINED, Every, Options
from todus.training.validating import evaluations
from todus.training.validating.evaluations import Evaluations, Figures
from todus.training.validating.stopping import StoppingRule
from todus.zoo import prepared

if TYPE_CHECKING:
    from todus.training.validating.validation import Validation

EVERY = Every(steps=500)  # where what is asked for needs evaluations, and how often is not said


def validation(model: Model, options: Options, last_step: int) -> Validation:
    """The watcher of the training loop that evaluates as `options` ask for.

    Raises:
      UserError: the dataset is not there or lacks validation images.
    """
    from todus.training.monitoring.train_log import TrainLog  # TensorFlow
    from todus.training.validating.validation import Validation

    say = TrainLog(model.training).say
    on = images(model, options.eval_images)
    every, unasked = (options.eval_every, "") if options.eval_every else (EVERY, " (EVAL_EVERY sets how often)")
    say(f"evaluating {_how_often(every)}{unasked}, on {len(on.images):,} validation images")
    scorer, known = Scorer(model, on), evaluations.read_of(model, ground_truth(model, on), len(on.images))
    until_ap = options.until_ap
    if until_ap == PRETRAINED:
        until_ap = pretrained_average_precision(model, scorer, known, say)
    return Validation(model, every, last_step, known, scorer, StoppingRule(until_ap, options.patience))


def images(model: Model, count: int | None) -> ValidationSet:
    """`count` validation images of the model's dataset (None: all), spread over it, the same ones each time.

    Raises:
      UserError: the dataset is not there or lacks validation images.
    """
    whole = validation_set.read(prepared.require(model, "val"))
    return replace(whole, images=validation_set.spread(whole.images, count))


def ground_truth(model: Model, on: ValidationSet) -> str:
    """Tells these images and their boxes from all others, and this detector from one that another pipeline makes."""
    pipeline = pipelines.load(model.pipeline)
    parts = [part.SerializeToString(deterministic=True) for part in (pipeline.model, pipeline.graph_rewriter)]
    return f"{on.fingerprint} {len(on.images)} {hashlib.sha256(b'|'.join(parts)).hexdigest()[:16]}"


def _how_often(every: Every) -> str:
    return f"every {every.steps} steps" if every.steps else f"every {progress.human_time(every.seconds)}"


class Scorer:
    """Scores checkpoints of `model` on some images. The detector is built once and takes the weights of each."""

    def __init__(self, model: Model, on: ValidationSet):
        self.model, self.on = model, on
        self._detector = None

    def __call__(self, prefix: Path) -> Figures:
        if self._detector is None:
            from todus.evaluation import detectors

            cut = label_map.read(self.model.label_map)
            self._detector = detectors.from_checkpoint(pipelines.load(self.model.pipeline), prefix, cut)
        else:
            self._detector.restore(prefix)
        return self._score(self._detector)

    def pretrained(self) -> Figures:
        """Of the zoo's own model with all its classes."""
        _, detector = graphs.open_detector(self.model, PRETRAINED)
        try:
            return self._score(detector)
        finally:
            detector.close()

    def _score(self, detector: Detector) -> Figures:
        started = time.monotonic()
        scores, _ = evaluate.measure(detector, self.on.annotations, self.on.images)
        return Figures(scores.summary["AP"], scores.summary["AP50"], round(time.monotonic() - started, 1))


def pretrained_average_precision(model: Model, scorer: Scorer, known: Evaluations, say: Callable[[str], None]) -> float:
    """What UNTIL_AP=pretrained means: as reported or measured before on the same images, or measured now.

    Raises:
      UserError: the images have no boxes, so that there is no average precision to reach.
    """
    if known.pretrained is None and len(scorer.on.annotations["images"]) == known.images:
        known.pretrained = report.average_precision(model, PRETRAINED)
    if known.pretrained is None:
        say("measuring the pretrained model on them, this once")
        known.pretrained = scorer.pretrained().ap
    if known.pretrained is None:
        count = len(scorer.on.images)
        raise UserError(f"UNTIL_AP={PRETRAINED}: the {count} validation images have no boxes; raise EVAL_IMAGES")
    evaluations.write(model, known)
    say(f"the pretrained model has AP {percent(known.pretrained)} on them; training stops when that is reached")
    return known.pretrained
