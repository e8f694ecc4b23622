"""Check that a model is prepared, that its dataset is still the one it was prepared for; what can be run with it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from todus import checkpoint, command
from todus.bridge import pipeline as pipelines
from todus.bridge.pipeline import Pipeline
from todus.coco import label_map
from todus.coco.label_map import LabelMap
from todus.errors import UserError
from todus.layout import SHARDS, Dataset, Home, Model
from todus.zoo import pipeline as zoo_pipeline

SPLITS = ["train", "val"]  # that a dataset has unless told otherwise


class NotReadyError(UserError):
    """A verb has to wait for another one; `remedy` is the command that helps."""

    def __init__(self, what: str, remedy: str):
        super().__init__(f"{what}; run: {remedy}")
        self.remedy = remedy


def is_prepared(model: Model) -> bool:
    """Whether `make model` has been run to its end."""
    is_cut = checkpoint.newest(model.training) is not None and model.label_map.is_file()
    return is_cut and model.pipeline.is_file()


def require_model(model: Model) -> None:
    """Raises NotReadyError if `make model` has not been run for the model."""
    if not is_prepared(model):
        raise NotReadyError(f"model {model.name} is not prepared", command.for_model("model", model))


def require(model: Model, split: str) -> Dataset:
    """The model's dataset, which is sure to have `split` and the categories that the model was cut for.

    Raises:
      NotReadyError: the model is not prepared; its dataset is gone, lacks the split, or holds other categories by now.
    """
    require_model(model)
    dataset = dataset_of(pipelines.load(model.pipeline))
    cut_for = label_map.read(model.label_map)
    if not dataset.manifest.is_file():
        what = f"the dataset of model {model.name}, {dataset.folder}, is not there"
        raise NotReadyError(what, make_dataset(dataset, cut_for))
    now = label_map.read(dataset.label_map)
    if cut_for != now:
        raise _of_other_categories(model, dataset, cut_for, now)
    if not _is_whole(dataset, split):
        how = make_dataset(dataset, cut_for, more_splits=SPLITS)
        raise NotReadyError(f"dataset {dataset.name} has no whole {split} split", how)
    return dataset


def require_trainable(model: Model) -> Pipeline:
    """The model's pipeline, which is sure to be one that `make train` can follow. Raises NotReadyError."""
    require(model, "train")
    pipeline = pipelines.load(model.pipeline)
    _require_masks(pipeline, label_map.read(model.label_map))
    return pipeline


def require_exportable(model: Model) -> Pipeline:
    """The model's pipeline, which is sure to be one that `make export` can follow. Raises NotReadyError."""
    require_model(model)
    return pipelines.load(model.pipeline)


def dataset_of(pipeline: Pipeline) -> Dataset:
    """The dataset that a pipeline was configured for."""
    return Dataset(Path(pipeline.train_input_reader.label_map_path).parent)


def has_masks(dataset: Dataset) -> bool:
    """Whether the records of a dataset hold instance masks."""
    return bool(_parameters(dataset)["masks"])


def make_model(model: Model, dataset: Dataset) -> str:
    """The command that prepares `model` for `dataset`."""
    return command.for_model("model", model) + ("" if dataset.name == "limited" else f" DATASET={dataset.name}")


def make_dataset(dataset: Dataset, categories: LabelMap, more_splits: Iterable[str] = (), masks: bool = False) -> str:
    """The command that makes `dataset` for `categories`; with `more_splits` and `masks`, else as it was made before."""
    before = _parameters(dataset) if dataset.manifest.is_file() else {}
    splits = list(dict.fromkeys([*more_splits, *before.get("splits", SPLITS)]))
    parts = [f"make dataset-{dataset.name}"]
    if dataset.name == "limited":
        parts.append(f'CATEGORIES="{", ".join(categories.ids)}"')
    if more_splits or splits != SPLITS:
        parts.append(f'SPLITS="{" ".join(splits)}"')
    if before.get("negatives"):
        parts.append(f"NEGATIVES={before['negatives']:g}")
    if masks or before.get("masks"):
        parts.append("MASKS=1")
    return " ".join(parts) + _elsewhere(dataset)


def _elsewhere(dataset: Dataset) -> str:
    home = Home(dataset.folder.parent.parent.parent)
    return command.elsewhere(home) if home.dataset(dataset.name) == dataset else ""


def _of_other_categories(model: Model, dataset: Dataset, cut_for: LabelMap, now: LabelMap) -> NotReadyError:
    """What helps is to cut the model anew, unless it has been trained: then it is the dataset."""
    what = (
        f"model {model.name} is for {', '.join(cut_for.ids)}, but dataset {dataset.name} now holds {', '.join(now.ids)}"
    )
    steps = checkpoint.step_of(checkpoint.newest(model.training))
    if steps == 0:
        return NotReadyError(what, make_model(model, dataset))
    begun = f"{what}, and {steps} steps of training are not thrown away (move {model.training} away to begin anew)"
    return NotReadyError(begun, make_dataset(dataset, cut_for))


def _require_masks(pipeline: Pipeline, categories: LabelMap) -> None:
    """Raises NotReadyError if the model learns from masks and its dataset has none."""
    dataset = dataset_of(pipeline)
    if zoo_pipeline.has_masks(pipeline) and not has_masks(dataset):
        what = f"the model predicts masks, and dataset {dataset.name} has no masks to learn from"
        raise NotReadyError(what, make_dataset(dataset, categories, masks=True))


def _parameters(dataset: Dataset) -> dict:
    return json.loads(dataset.manifest.read_text(encoding="utf-8"))["parameters"]


def _is_whole(dataset: Dataset, split: str) -> bool:
    records = [dataset.record(split, shard) for shard in range(SHARDS[split])]
    return all(path.is_file() for path in (dataset.annotations(split), *records))
