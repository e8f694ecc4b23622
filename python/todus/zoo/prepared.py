"""Check that a model is prepared, and that its dataset is still the one it was prepared for."""

from __future__ import annotations

import json
from pathlib import Path

from todus import checkpoint, command
from todus.bridge import pipeline as pipelines
from todus.coco import label_map
from todus.errors import UserError
from todus.layout import SHARDS, Dataset, Model
from todus.zoo import pipeline as zoo_pipeline


def require_model(model: Model) -> None:
    """Raises UserError if `make model` has not been run for the model."""
    if not model.pipeline.is_file() or checkpoint.newest(model.training) is None:
        raise UserError(f"model {model.name} is not prepared; run: {command.for_model('model', model)}")


def require(model: Model, split: str) -> Dataset:
    """The model's dataset, which is sure to have `split` and the categories that the model was cut for.

    Raises:
      UserError: the model is not prepared; its dataset is gone, lacks the split, or holds other categories by now.
    """
    require_model(model)
    dataset = dataset_of(pipelines.load(model.pipeline))
    cut_for = label_map.read(model.label_map)
    make_dataset = f"make dataset-{dataset.name}"
    if dataset.name == "limited":
        make_dataset += f' CATEGORIES="{", ".join(cut_for.ids)}"'
    if not dataset.manifest.is_file():
        raise UserError(f"the dataset of model {model.name}, {dataset.folder}, is not there; run: {make_dataset}")
    now = label_map.read(dataset.label_map)
    if cut_for != now:
        raise UserError(
            f"model {model.name} is for {', '.join(cut_for.ids)}, but dataset {dataset.name} now holds "
            f"{', '.join(now.ids)}; run: {command.for_model('model', model)} (or {make_dataset})"
        )
    if not _is_whole(dataset, split):
        raise UserError(f'dataset {dataset.name} has no whole {split} split; run: {make_dataset} SPLITS="train val"')
    return dataset


def require_masks(pipeline: pipelines.Pipeline) -> None:
    """Raises UserError if the model learns from masks and its dataset has none."""
    dataset = dataset_of(pipeline)
    if zoo_pipeline.has_masks(pipeline) and not has_masks(dataset):
        how = f"make dataset-{dataset.name} with the same CATEGORIES and MASKS=1"
        raise UserError(f"the model predicts masks, and dataset {dataset.name} has no masks to learn from; run: {how}")


def dataset_of(pipeline: pipelines.Pipeline) -> Dataset:
    """The dataset that a pipeline was configured for."""
    return Dataset(Path(pipeline.train_input_reader.label_map_path).parent)


def has_masks(dataset: Dataset) -> bool:
    """Whether the records of a dataset hold instance masks."""
    return bool(json.loads(dataset.manifest.read_text(encoding="utf-8"))["parameters"]["masks"])


def _is_whole(dataset: Dataset, split: str) -> bool:
    records = [dataset.record(split, shard) for shard in range(SHARDS[split])]
    return all(path.is_file() for path in (dataset.annotations(split), *records))
