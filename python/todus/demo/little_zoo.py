"""Train the demo's little zoo model on all categories of the mini-COCO and pack it as the zoo packs its models.

    python -m todus.demo.little_zoo --home DIR --coco-url URL --zoo FOLDER

What the makers of the zoo did once on a cluster for days, on 90 classes and all of COCO: here on two cores in two
minutes. Leaves FOLDER/ssd_mobilenet_v1_mini.tar.gz, once the model has shown on the validation images that it has
learnt what it should. Interrupted, it goes on where it was.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from todus import checkpoint, command, files, layout, progress
from todus.bridge import pipeline as pipelines
from todus.coco import dataset as coco_dataset
from todus.coco import label_map
from todus.errors import WorldError
from todus.evaluation import evaluate, report, scoring, validation_set
from todus.layout import Home
from todus.zoo import pipeline as zoo_pipeline

NAME = "ssd_mobilenet_v1_mini"
PIPELINE = layout.CONFIG / f"{NAME}.config"
SEED = 1
SAVE_EVERY = 60.0  # seconds
LEARNT = 0.8  # AP50 that it has to reach on its validation images


def archive_in(zoo: Path) -> Path:
    return zoo / f"{NAME}.tar.gz"


def make_archive(
    home: Home,
    coco_url: str,
    zoo: Path,
    steps: int | None = None,
    text: str | None = None,
    least_ap50: float | None = None,
) -> Path:
    """Train the model of the pipeline `text` (default: PIPELINE) for `steps` on all categories; pack it into `zoo`.

    Args:
      home: the dataset and the training live below it.
      least_ap50: the AP50, 0 to 1, that the model has to reach on its validation images; None does not measure it.

    Returns:
      The archive's path.

    Raises:
      WorldError: the model has not reached `least_ap50`; no archive is made.
    """
    archive = archive_in(zoo)
    if archive.is_file():
        progress.already_there(archive, f"delete it and {progress.shown(home.folder)} to train the model again")
        return archive
    coco_dataset.make(coco_dataset.Request("complete", None, ("train", "val"), coco_url), home)
    pipeline = pipelines.parse(text or PIPELINE.read_text(encoding="utf-8"))
    folder = home.model(NAME).training
    trained = train_from_scratch(pipeline, home, folder, steps or pipeline.train_config.num_steps)
    if least_ap50 is not None:
        _require_learnt(pipeline, trained, home, least_ap50)

    from todus.demo import zoo_archive

    zoo_archive.pack(NAME, pipeline, trained, archive)
    return archive


def train_from_scratch(pipeline: pipelines.Pipeline, home: Home, folder: Path, steps: int) -> Path:
    """Train on the complete dataset of `home`; returns the prefix of the checkpoint at `steps`.

    Raises:
      KeyboardInterrupt: training was asked to stop before that.
    """
    from todus.demo import zoo_archive
    from todus.training import loop
    from todus.training.plan import Settings
    from todus.zoo import learning_rate

    start = checkpoint.newest(folder)
    if start is None:
        start = checkpoint.at_step(folder, 0)
        zoo_archive.random_checkpoint(pipeline, start, SEED)
    ready = zoo_pipeline.configure(
        pipeline,
        home.dataset("complete"),
        class_count=pipeline.model.ssd.num_classes,
        validation_images=pipeline.eval_config.num_examples,
        start=start,
    )
    learning_rate.fit_to_steps(ready, steps)
    if checkpoint.step_of(start) < steps:
        progress.say(f"training the little zoo model to step {steps}: some two minutes on two cores")
        with files.locked(folder):
            outcome = loop.run(ready, folder, start, Settings(steps, save_seconds=SAVE_EVERY))
        if outcome.stopped_by:
            raise KeyboardInterrupt
    return checkpoint.newest(folder)


def _require_learnt(pipeline: pipelines.Pipeline, prefix: Path, home: Home, least_ap50: float) -> None:
    scores, count = measure(pipeline, prefix, home)
    average, at_50 = report.percent(scores.summary["AP"]), report.percent(scores.summary["AP50"])
    progress.say(f"the little zoo model: AP {average}, AP50 {at_50} on its {count} validation images")
    if scores.summary["AP50"] < least_ap50:
        raise WorldError(
            f"the little zoo model has AP50 {at_50} and should have {report.percent(least_ap50)} at least; delete "
            f"{progress.shown(home.folder)} and run again to train it anew"
        )


def measure(pipeline: pipelines.Pipeline, prefix: Path, home: Home) -> tuple[scoring.Scores, int]:
    """Score a checkpoint on the validation images of the complete dataset of `home`; also says how many those are."""
    from todus.evaluation import detectors

    dataset = home.dataset("complete")
    validation = validation_set.read(dataset)
    detector = detectors.from_checkpoint(pipeline, prefix, label_map.read(dataset.label_map))
    scores, _ = evaluate.measure(detector, validation.annotations, validation.images)
    detector.close()
    return scores, len(validation.images)


def main() -> None:
    arguments = parse_arguments()
    make_archive(Home(arguments.home), arguments.coco_url, arguments.zoo, least_ap50=LEARNT)


def parse_arguments() -> argparse.Namespace:
    parser = command.parser(__doc__)
    parser.add_argument("--coco-url", required=True, metavar="URL", help="a mirror of the mini-COCO")
    parser.add_argument("--zoo", required=True, type=Path, metavar="FOLDER", help="where the archive goes")
    return parser.parse_args()


if __name__ == "__main__":
    command.run(main)
