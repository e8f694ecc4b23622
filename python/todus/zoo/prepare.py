"""Prepare a zoo model for a dataset: fetch it, cut its class head to the dataset's categories, configure it.

    python -m todus.zoo.prepare -m ssd_mobilenet_v2_coco_2018_03_29 -d limited

Leaves model/NAME/pretrained/ (the zoo's files and the configured pipeline.config) and model/NAME/training/ with
model.ckpt-0, the detector that already knows the categories kept: it can be evaluated, exported and trained at once.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import time

from todus import checkpoint, command, files, progress
from todus.bridge import pipeline as pipelines
from todus.coco import label_map
from todus.coco.label_map import LabelMap
from todus.errors import UserError
from todus.layout import COCO_LABEL_MAP, Dataset, Home, Model
from todus.zoo import archive, catalogue, class_head
from todus.zoo import pipeline as zoo_pipeline

COCO_CLASSES = 90  # of the zoo's COCO models: the highest id, its holes included


def prepare(model: Model, dataset: Dataset, zoo_url: str, home: Home) -> None:
    """Make `model` ready for `dataset`; what is there already is kept.

    Raises:
      UserError: the dataset is not prepared, there is no such model, its archive is not one of the zoo, a category is
        not in it, or training/ holds a run for other categories. A model that was not there before leaves nothing.
    """
    categories = categories_of(dataset)
    if is_prepared(model, dataset, categories):
        progress.already_there(model.pipeline, f"model {model.name} is ready for dataset {dataset.name}")
        return
    refuse_to_lose_training(model, categories)
    is_new = not model.zoo_pipeline.is_file()
    if is_new:
        started = time.monotonic()
        archive.unpack(archive.fetch(model.name, zoo_url, home), model)
        progress.made(model.pretrained, started)
    try:
        configure(model, dataset, categories)
    except UserError:
        if is_new:
            shutil.rmtree(model.pretrained)
        raise


def configure(model: Model, dataset: Dataset, categories: LabelMap) -> None:
    """Cut and configure what was unpacked. From here until it ends the model counts as not prepared."""
    pipeline = configured_pipeline(model, dataset, categories)
    if model.pipeline.is_file():
        os.replace(model.pipeline, model.replaced_pipeline)
        progress.say(f"the pipeline so far, with what you may have edited, is kept as {model.replaced_pipeline.name}")
    write_start_of_training(model, dataset, categories, pipeline)
    write_pipeline(model, pipeline)


def categories_of(dataset: Dataset) -> LabelMap:
    if not dataset.manifest.is_file():
        how = f"make dataset-{dataset.name}" + (' CATEGORIES="bear horse"' if dataset.name == "limited" else "")
        raise UserError(f"dataset {dataset.name} is not prepared; run: {how}")
    return label_map.read(dataset.label_map)


def is_prepared(model: Model, dataset: Dataset, categories: LabelMap) -> bool:
    if not model.pipeline.is_file() or checkpoint.newest(model.training) is None:
        return False
    configured_for = pipelines.load(model.pipeline).train_input_reader.label_map_path
    return configured_for == str(dataset.label_map) and label_map.read(model.label_map) == categories


def refuse_to_lose_training(model: Model, categories: LabelMap) -> None:
    newest = checkpoint.newest(model.training)
    if newest and checkpoint.step_of(newest) > 0 and label_map.read(model.label_map) != categories:
        known = ", ".join(label_map.read(model.label_map).ids)
        raise UserError(
            f"{progress.shown(model.training)} holds {checkpoint.step_of(newest)} steps of training for other "
            f"categories ({known}); move that folder away to begin anew, or make the dataset for them again"
        )


def write_start_of_training(model: Model, dataset: Dataset, categories: LabelMap, pipeline: pipelines.Pipeline) -> None:
    """training/model.ckpt-0 and training/label_map.pbtxt: the detector cut to `categories`."""
    newest = checkpoint.newest(model.training)
    if newest and checkpoint.step_of(newest) > 0:
        return  # trained for these very categories: only the pipeline is to be written again
    started = time.monotonic()
    class_count = pipelines.load(model.zoo_pipeline).model.ssd.num_classes
    keep = kept_classes(dataset, categories, class_count)
    variables = class_head.cut_checkpoint(checkpoint.read(archive.checkpoint(model)), class_count, keep)
    require_variables(variables, model, pipeline)
    start = checkpoint.at_step(model.training, 0)
    files.write_text(model.label_map, dataset.label_map.read_text(encoding="utf-8"))
    checkpoint.write(start, variables)
    progress.made(start, started, checkpoint.size_on_disk(start))
    if len(keep) < class_count:
        progress.say(f"class head cut from {class_count} classes to {len(keep)}: {', '.join(categories.ids)}")


def kept_classes(dataset: Dataset, categories: LabelMap, class_count: int) -> list[int]:
    """The model's class ids that stay, by name, in the order of the dataset's label map; all for a complete dataset.

    Raises:
      UserError: a category is not among those that the model was trained for, or these are not COCO's.
    """
    if class_count != COCO_CLASSES:
        raise UserError(
            f"the model has {class_count} classes, so it is not one of the {COCO_CLASSES} class models that the zoo "
            "trained on COCO; only those can be limited so far"
        )
    known = label_map.read(COCO_LABEL_MAP)
    foreign = [name for name in categories.ids if name not in known.ids]
    if foreign:
        raise UserError(f"the pretrained model does not know {', '.join(foreign)}, only COCO's 80 categories")
    if dataset.name != "complete":
        return [known.ids[name] for name in categories.ids]
    moved = [name for name, number in categories.ids.items() if number != known.ids[name]]
    if moved:
        raise UserError(f"the annotations number {', '.join(moved)} otherwise than COCO; use a limited dataset")
    return list(range(1, class_count + 1))


def configured_pipeline(model: Model, dataset: Dataset, categories: LabelMap) -> pipelines.Pipeline:
    shipped = pipelines.load(model.zoo_pipeline)
    return zoo_pipeline.configure(
        shipped,
        dataset,
        class_count=shipped.model.ssd.num_classes if dataset.name == "complete" else len(categories),
        validation_images=validation_images(dataset),
        start=checkpoint.at_step(model.training, 0),
    )


def validation_images(dataset: Dataset) -> int:
    splits = json.loads(dataset.manifest.read_text(encoding="utf-8"))["splits"]
    return splits["val"]["images"] if "val" in splits else 0


def require_variables(variables: dict, model: Model, pipeline: pipelines.Pipeline) -> None:
    """Raises UserError unless the checkpoint holds every variable of the detector, in its shape."""
    from todus.bridge import detection_model

    wanted = detection_model.variable_shapes(pipeline)
    for name, shape in wanted.items():
        found = list(variables[name].shape) if name in variables else "nothing"
        if found != shape:
            raise UserError(
                f"{archive.checkpoint(model)} does not fit {model.zoo_pipeline.name}: variable {name} should be "
                f"{shape}, the checkpoint has {found}; this archive cannot be used"
            )


def write_pipeline(model: Model, pipeline: pipelines.Pipeline) -> None:
    for line in zoo_pipeline.changes(pipelines.load(model.zoo_pipeline), pipeline, model.pretrained):
        progress.say(f"  {line}")
    started = time.monotonic()
    pipelines.save(pipeline, model.pipeline)
    progress.made(model.pipeline, started)


def main() -> None:
    arguments = parse_arguments()
    home = Home(arguments.home)
    if not arguments.model:
        raise UserError(f"which model? say MODEL=NAME; {catalogue.nearest('')}")
    model = home.model(arguments.model)
    prepare(model, home.dataset(arguments.dataset), arguments.zoo_url, home)
    progress.next_step(f"{command.for_model('eval', model)}  (no training needed)")


def parse_arguments() -> argparse.Namespace:
    parser = command.parser(__doc__)
    parser.add_argument("-m", "--model", default="", metavar="NAME", help="name of the model in the zoo")
    parser.add_argument("-d", "--dataset", default="limited", choices=["limited", "complete"])
    parser.add_argument(
        "--zoo-url",
        default=catalogue.OFFICIAL_ZOO,
        metavar="URL",
        help="server or folder that holds NAME.tar.gz (default: %(default)s)",
    )
    return parser.parse_args()


if __name__ == "__main__":
    command.run(main)
