"""Prepare a zoo model for a dataset: fetch it, cut its class head to the dataset's categories, configure it.

    python -m todus.zoo.prepare -m ssd_mobilenet_v2_coco_2018_03_29 -d limited

Leaves model/NAME/pretrained/ (the zoo's files and the configured pipeline.config) and model/NAME/training/ with
model.ckpt-0, the detector that already knows the categories kept: it can be evaluated, exported and trained at once.
Run again, it sets in pipeline.config what has changed and leaves the rest of it as it is, your edits included.
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from todus import checkpoint, command, files, progress
from todus.bridge import pipeline as pipelines
from todus.coco import label_map
from todus.coco.label_map import LabelMap
from todus.errors import UserError
from todus.layout import Dataset, Home, Model
from todus.zoo import archive, catalogue, configuring, prepared, pretrained
from todus.zoo import pipeline as zoo_pipeline
from todus.zoo.pipeline import Settings, SettingsError

EXAMPLE = LabelMap({1: "bear", 2: "horse"})  # categories that one might want


def prepare(model: Model, dataset: Dataset, zoo_url: str, home: Home, settings: Settings) -> None:
    """Make `model` ready for `dataset`; what is there already is kept.

    Raises:
      UserError: the dataset is not prepared, there is no such model, its archive is not one of the zoo, or its folder
        holds a run for other categories or files of somebody else's. A model that was not there before leaves nothing.
      WorldError: the model is being trained or prepared right now.
    """
    categories = categories_of(dataset)
    if is_prepared(model, dataset, categories, settings):
        progress.already_there(model.pipeline, f"model {model.name} is ready for dataset {dataset.name}")
        return
    refuse_to_lose_training(model, categories)
    archive.require_no_other_files(model)
    fetched = None if archive.is_unpacked(model) else archive.fetch(model.name, zoo_url, home)
    with alone_with(model):
        refuse_to_lose_training(model, categories)  # of a run that has just ended
        if fetched is None or archive.is_unpacked(model):
            archive.adopt(model)
            configuring.configure(model, dataset, categories, settings)
        else:
            unpack_and_configure(fetched, model, dataset, categories, settings)


@contextlib.contextmanager
def alone_with(model: Model) -> Iterator[None]:
    """Keep training, and other runs of this, off the model. Folders that stay empty go."""
    try:
        with files.locked(model.training):
            checkpoint.sweep(model.training)
            yield
    finally:
        for folder in (model.training, model.folder):
            with contextlib.suppress(OSError):  # there is something in it
                folder.rmdir()


def unpack_and_configure(
    fetched: Path, model: Model, dataset: Dataset, categories: LabelMap, settings: Settings
) -> None:
    """Where this fails, what was unpacked goes again; the archive stays, and the message names it."""
    archive.require_no_other_files(model)
    started = time.monotonic()
    archive.unpack(fetched, model)
    progress.made(model.pretrained, started)
    try:
        configuring.configure(model, dataset, categories, settings)
    except Exception as error:
        shutil.rmtree(model.pretrained, ignore_errors=True)
        if isinstance(error, UserError) and not isinstance(error, SettingsError):
            raise unusable(fetched, model, error) from None
        raise


def unusable(fetched: Path, model: Model, error: UserError) -> UserError:
    """`error`, which speaks of files that are gone again, as one about the archive that they were in."""
    text = str(error)
    for folder in (str(model.pretrained), progress.shown(model.pretrained)):
        text = text.replace(f"{folder}/", "")
    return UserError(f"{progress.shown(fetched)} cannot be used: {text}; delete it to fetch it anew")


def categories_of(dataset: Dataset) -> LabelMap:
    if not dataset.manifest.is_file():
        how = prepared.make_dataset(dataset, EXAMPLE)
        raise UserError(f"dataset {dataset.name} is not prepared; run: {how}")
    return label_map.read(dataset.label_map)


def is_prepared(model: Model, dataset: Dataset, categories: LabelMap, settings: Settings) -> bool:
    """Whether there is nothing to do: cut for these categories, and nothing to set in the pipeline."""
    if not model.pipeline.is_file() or not configuring.is_cut_for(model, categories):
        return False
    pipeline = pipelines.load(model.pipeline)
    return configuring.configured_pipeline(pipeline, model, dataset, categories, settings) == pipeline


def refuse_to_lose_training(model: Model, categories: LabelMap) -> None:
    newest = checkpoint.newest(model.training)
    if newest is None or checkpoint.step_of(newest) == 0 or configuring.is_cut_for(model, categories):
        return
    folder, steps = progress.shown(model.training), checkpoint.step_of(newest)
    if not model.label_map.is_file():
        raise UserError(
            f"{folder} holds {steps} steps of training, but {model.label_map.name}, which tells for what, is gone; "
            "move that folder away to begin anew, or put the label map back"
        )
    known = ", ".join(label_map.read(model.label_map).ids)
    raise UserError(
        f"{folder} holds {steps} steps of training for other categories ({known}); move that folder away to begin "
        "anew, or make the dataset for them again"
    )


def say_what_is_next(model: Model) -> None:
    """Evaluation, or training where that has to come first; and what stands in its way."""
    try:
        prepared.require_trainable(model)
        train = command.for_model("train", model)
    except prepared.NotReadyError as error:
        progress.say(f"note: {error}")
        train = error.remedy
    never_seen = unknown_categories(model)
    if never_seen:
        progress.next_step(f"{train}  ({', '.join(never_seen)} cannot be detected without)")
    else:
        is_cut = checkpoint.step_of(checkpoint.newest(model.training)) == 0
        progress.next_step(command.for_model("eval", model) + ("  (no training needed)" if is_cut else ""))


def unknown_categories(model: Model) -> list[str]:
    """Those that neither the zoo nor the user has trained the model for."""
    if checkpoint.step_of(checkpoint.newest(model.training)) > 0:
        return []
    class_count = zoo_pipeline.detector(pipelines.load(model.zoo_pipeline)).num_classes
    return pretrained.unknown(label_map.read(model.label_map), pretrained.categories(model, class_count))


def main() -> None:
    arguments = parse_arguments()
    home = Home(arguments.home)
    require_name(arguments.model, home)
    model = home.model(arguments.model)
    settings = Settings(arguments.quantize, arguments.quant_delay, arguments.batch_size)
    prepare(model, home.dataset(arguments.dataset), arguments.zoo_url, home, settings)
    if not zoo_pipeline.is_quantized(pipelines.load(model.pipeline)):  # else training.quantization.start comes next
        say_what_is_next(model)


def require_name(name: str, home: Home) -> None:
    """Raises UserError unless `name` can be that of a model's folder in model/."""
    if not name:
        raise UserError(f"which model? say MODEL=NAME; {catalogue.nearest('')}")
    if "/" in name or name.startswith("."):
        raise UserError(f"MODEL is a name, not a path: {name!r}; {catalogue.nearest('')}")
    if home.model(name).folder == home.model_archives:
        raise UserError(f"no model can have the name {name!r}: that folder is for archives; {catalogue.nearest('')}")


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
