"""Train the demo's little zoo model on all categories of the mini-COCO and pack it as the zoo packs its models.

    python -m todus.demo.little_zoo --home DIR --coco-url URL --zoo FOLDER

What the makers of the zoo did once on a cluster for days, on 90 classes and all of COCO: here on two cores in two
minutes. Leaves FOLDER/ssd_mobilenet_v1_mini.tar.gz. Interrupted, it goes on where it was.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from todus import checkpoint, command, layout, progress
from todus.bridge import pipeline as pipelines
from todus.coco import dataset as coco_dataset
from todus.coco import label_map
from todus.errors import WorldError
from todus.evaluation import evaluate, report, scoring
from todus.layout import Home
from todus.zoo import pipeline as zoo_pipeline

NAME = "ssd_mobilenet_v1_mini"
PIPELINE = layout.CONFIG / f"{NAME}.config"
SEED = 1
SAVE_EVERY = 60.0  # seconds
LEARNT = 0.8  # AP50 that it has to reach on its validation images


def archive_in(zoo: Path) -> Path:
    return zoo / f"{NAME}.tar.gz"


def make_archive(home: Home, coco_url: str, zoo: Path, steps: int | None = None, text: str | None = None) -> Path:
    """Train the model of the pipeline `text` (default: PIPELINE) for `steps` on all categories; pack it into `zoo`.

    Returns the archive's path. The dataset and the training live below `home`.
    """
    archive = archive_in(zoo)
    if archive.is_file():
        progress.already_there(archive, "delete it to train the little zoo model again")
        return archive
    coco_dataset.make(coco_dataset.Request("complete", None, ("train", "val"), coco_url), home)
    pipeline = pipelines.parse(text or PIPELINE.read_text(encoding="utf-8"))
    folder = home.model(NAME).training
    trained = train_from_scratch(pipeline, home, folder, steps or pipeline.train_config.num_steps)

    from todus.demo import zoo_archive

    zoo_archive.pack(NAME, pipeline, trained, archive)
    return archive


def train_from_scratch(pipeline: pipelines.Pipeline, home: Home, folder: Path, steps: int) -> Path:
    """Train on the complete dataset of `home`; returns the last checkpoint's prefix."""
    from todus.demo import zoo_archive
    from todus.training import learning_rate, loop

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
        loop.run(ready, folder, start, steps, SAVE_EVERY)
    return checkpoint.newest(folder)


def measure(home: Home) -> scoring.Scores:
    """Score the trained model on all validation images of its dataset.

    Raises:
      WorldError: it has not learnt what it should have.
    """
    from todus.evaluation import detectors

    dataset = home.dataset("complete")
    annotations = json.loads(dataset.annotations("val").read_text(encoding="utf-8"))
    images = evaluate.images_on_disk(annotations, home.raw_data.images("val"), dataset)
    prefix = checkpoint.newest(home.model(NAME).training)
    pipeline = pipelines.parse(PIPELINE.read_text(encoding="utf-8"))
    detector = detectors.from_checkpoint(pipeline, prefix, label_map.read(dataset.label_map))
    results = evaluate.detect_all(detector, images, annotations)
    scores = scoring.score(annotations, results, [image["id"] for image, _ in images])
    average, at_50 = report.percent(scores.summary["AP"]), report.percent(scores.summary["AP50"])
    progress.say(f"the little zoo model: AP {average}, AP50 {at_50} on its {len(images)} validation images")
    if scores.summary["AP50"] < LEARNT:
        raise WorldError(
            f"the little zoo model has not learnt enough (AP50 {at_50}); delete {home.folder} and try again"
        )
    return scores


def main() -> None:
    arguments = parse_arguments()
    home = Home(arguments.home)
    if is_new := not archive_in(arguments.zoo).is_file():
        progress.say("training the little zoo model: some two minutes on two cores")
    make_archive(home, arguments.coco_url, arguments.zoo)
    if is_new:
        measure(home)


def parse_arguments() -> argparse.Namespace:
    parser = command.parser(__doc__)
    parser.add_argument("--coco-url", required=True, metavar="URL", help="a mirror of the mini-COCO")
    parser.add_argument("--zoo", required=True, type=Path, metavar="FOLDER", help="where the archive goes")
    return parser.parse_args()


if __name__ == "__main__":
    command.run(main)
