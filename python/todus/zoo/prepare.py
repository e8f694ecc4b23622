"""Prepare a zoo model for a dataset: fetch it, cut its class head to the dataset's categories, configure it.

    python -m todus.zoo.prepare -m ssd_mobilenet_v2_coco_2018_03_29 -d limited

Leaves model/NAME/pretrained/ (the zoo's files and the configured pipeline.config) and model/NAME/training/ with
model.ckpt-0, the detector that already knows the categories kept: it can be evaluated, exported and trained at once.
Run again, it sets in pipeline.config what has changed and leaves the rest of it as it is, your edits included.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import time

from todus import checkpoint, command, files, progress
from todus.bridge import pipeline as pipelines
from todus.coco import label_map
from todus.coco.label_map import LabelMap
from todus.errors import UserError
from todus.layout import Dataset, Home, Model
from todus.zoo import archive, catalogue, class_axis, class_head, prepared, pretrained
from todus.zoo import pipeline as zoo_pipeline
from todus.zoo.pipeline import Settings

SEED = 0  # of the columns of categories that the model never saw


def prepare(model: Model, dataset: Dataset, zoo_url: str, home: Home, settings: Settings) -> None:
    """Make `model` ready for `dataset`; what is there already is kept.

    Raises:
      UserError: the dataset is not prepared, there is no such model, its archive is not one of the zoo, or training/
        holds a run for other categories. A model that was not there before leaves nothing.
    """
    categories = categories_of(dataset)
    if is_prepared(model, dataset, categories, settings):
        progress.already_there(model.pipeline, f"model {model.name} is ready for dataset {dataset.name}")
        return
    refuse_to_lose_training(model, categories)
    if model.zoo_pipeline.is_file() or archive.adopt(model):
        configure(model, dataset, categories, settings)
        return
    try:
        started = time.monotonic()
        archive.unpack(archive.fetch(model.name, zoo_url, home), model)
        progress.made(model.pretrained, started)
        configure(model, dataset, categories, settings)
    except UserError:
        shutil.rmtree(model.pretrained, ignore_errors=True)
        with contextlib.suppress(OSError):  # not there, or there is more in it
            model.folder.rmdir()
        raise


def configure(model: Model, dataset: Dataset, categories: LabelMap, settings: Settings) -> None:
    """Cut and configure what was unpacked. While the head is being cut the model counts as not prepared."""
    before = current_pipeline(model)
    pipeline = configured_pipeline(before, model, dataset, categories, settings)
    if not is_cut_for(model, categories):
        if model.pipeline.is_file():
            os.replace(model.pipeline, model.replaced_pipeline)
        write_start_of_training(model, dataset, categories, pipeline)
    write_pipeline(model, before, pipeline)
    model.replaced_pipeline.unlink(missing_ok=True)


def current_pipeline(model: Model) -> pipelines.Pipeline:
    """The pipeline with whatever the user has edited in it; the zoo's, fit for one machine, where there is none yet."""
    for path in (model.pipeline, model.replaced_pipeline):  # the second where a run was broken off
        if path.is_file():
            return pipelines.load(path)
    pipeline = zoo_pipeline.for_one_machine(pipelines.load(model.zoo_pipeline))
    if zoo_pipeline.has_masks(pipeline):
        class_axis.keep_mask_depth(pipeline, checkpoint.shapes(archive.checkpoint(model)))
    return pipeline


def categories_of(dataset: Dataset) -> LabelMap:
    if not dataset.manifest.is_file():
        how = f"make dataset-{dataset.name}" + (' CATEGORIES="bear horse"' if dataset.name == "limited" else "")
        raise UserError(f"dataset {dataset.name} is not prepared; run: {how}")
    return label_map.read(dataset.label_map)


def is_prepared(model: Model, dataset: Dataset, categories: LabelMap, settings: Settings) -> bool:
    """Whether there is nothing to do: cut for these categories, and nothing to set in the pipeline."""
    if not model.pipeline.is_file() or not is_cut_for(model, categories):
        return False
    pipeline = pipelines.load(model.pipeline)
    return configured_pipeline(pipeline, model, dataset, categories, settings) == pipeline


def is_cut_for(model: Model, categories: LabelMap) -> bool:
    if checkpoint.newest(model.training) is None or not model.label_map.is_file():
        return False
    return label_map.read(model.label_map) == categories


def refuse_to_lose_training(model: Model, categories: LabelMap) -> None:
    newest = checkpoint.newest(model.training)
    if newest and checkpoint.step_of(newest) > 0 and label_map.read(model.label_map) != categories:
        known = ", ".join(label_map.read(model.label_map).ids)
        raise UserError(
            f"{progress.shown(model.training)} holds {checkpoint.step_of(newest)} steps of training for other "
            f"categories ({known}); move that folder away to begin anew, or make the dataset for them again"
        )


def write_start_of_training(model: Model, dataset: Dataset, categories: LabelMap, pipeline: pipelines.Pipeline) -> None:
    """training/model.ckpt-0: the detector cut to `categories`; and beside it the label map it was cut for."""
    started = time.monotonic()
    shipped = pipelines.load(model.zoo_pipeline)
    class_count = zoo_pipeline.detector(shipped).num_classes
    known = pretrained.categories(model, class_count)
    keep = pretrained.classes(categories, known, class_count)
    initial = initial_values(pipeline) if None in keep else None
    variables = class_head.cut_checkpoint(checkpoint.read(archive.checkpoint(model)), shipped, keep, initial)
    require_variables(variables, model, pipeline)
    start = checkpoint.at_step(model.training, 0)
    model.label_map.unlink(missing_ok=True)  # there only while the checkpoint is the one that it tells of
    checkpoint.write(start, variables)
    files.write_text(model.label_map, dataset.label_map.read_text(encoding="utf-8"))
    progress.made(start, started, checkpoint.size_on_disk(start))
    say_what_was_kept(categories, known, class_count, len(keep))


def initial_values(pipeline: pipelines.Pipeline) -> dict:
    from todus.bridge import detection_model

    return detection_model.initial_variables(pipeline, SEED)


def say_what_was_kept(categories: LabelMap, known: LabelMap, before: int, after: int) -> None:
    trained = [name for name in categories.ids if name in known.ids]
    unknown = [name for name in categories.ids if name not in known.ids]
    if after < before:
        progress.say(f"class head cut from {before} classes to {after}: {', '.join(categories.ids)}")
    if unknown:
        rest = f" ({', '.join(trained)} keep their trained weights)" if trained else ""
        progress.say(f"the pretrained model has never seen {', '.join(unknown)}: to be trained first{rest}")


def configured_pipeline(
    before: pipelines.Pipeline, model: Model, dataset: Dataset, categories: LabelMap, settings: Settings
) -> pipelines.Pipeline:
    return zoo_pipeline.configure(
        before,
        dataset,
        class_count=max(categories.names),
        validation_images=validation_images(dataset),
        start=checkpoint.at_step(model.training, 0),
        settings=settings,
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


def write_pipeline(model: Model, before: pipelines.Pipeline, pipeline: pipelines.Pipeline) -> None:
    """Write the pipeline and show what is new in it."""
    is_first = not (model.pipeline.is_file() or model.replaced_pipeline.is_file())
    shown_against = pipelines.load(model.zoo_pipeline) if is_first else before
    for line in zoo_pipeline.changes(shown_against, pipeline, model.pretrained):
        progress.say(f"  {line}")
    started = time.monotonic()
    pipelines.save(pipeline, model.pipeline)
    progress.made(model.pipeline, started)
    warn_of_missing_masks(pipeline)


def warn_of_missing_masks(pipeline: pipelines.Pipeline) -> None:
    dataset = prepared.dataset_of(pipeline)
    if zoo_pipeline.has_masks(pipeline) and not prepared.has_masks(dataset):
        how = f"make dataset-{dataset.name} MASKS=1"
        progress.say(f"note: this model predicts masks, and the dataset has none; before training: {how}")


def main() -> None:
    arguments = parse_arguments()
    home = Home(arguments.home)
    if not arguments.model:
        raise UserError(f"which model? say MODEL=NAME; {catalogue.nearest('')}")
    model = home.model(arguments.model)
    settings = Settings(arguments.quantize, arguments.quant_delay, arguments.batch_size)
    prepare(model, home.dataset(arguments.dataset), arguments.zoo_url, home, settings)
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
    parser.add_argument(
        "-q",
        "--quantize",
        type=command.switch,
        nargs="?",
        const=True,
        metavar="0|1",
        help="train with fake quantization, or without (default: as the pipeline has it)",
    )
    parser.add_argument(
        "--quant-delay", type=command.not_negative, metavar="N", help="steps before fake quantization sets in"
    )
    parser.add_argument("--batch-size", type=command.positive(int), metavar="N", help="images a step of training")
    return parser.parse_args()


if __name__ == "__main__":
    command.run(main)
