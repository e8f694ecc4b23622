"""Cut an unpacked model's class head to a dataset's categories, and write the pipeline that goes with it.

Whatever may be refused is refused before the first file changes. The user's own pipeline.config is the base of the new
one; while the head is being cut it is kept under another name, and the model counts as not prepared.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import numpy as np

from todus import checkpoint, files, progress
from todus.bridge import pipeline as pipelines
from todus.coco import label_map
from todus.coco.label_map import LabelMap
from todus.errors import UserError
from todus.layout import Dataset, Model
from todus.zoo import archive, class_axis, class_head, pretrained
from todus.zoo import pipeline as zoo_pipeline
from todus.zoo.pipeline import Settings

SEED = 0  # of the columns of categories that the model never saw


def configure(model: Model, dataset: Dataset, categories: LabelMap, settings: Settings) -> None:
    """Cut and configure what was unpacked. While the head is being cut the model counts as not prepared."""
    before = current_pipeline(model)
    pipeline = configured_pipeline(before, model, dataset, categories, settings)
    if not is_cut_for(model, categories):
        write_start_of_training(model, dataset, categories, pipeline)
    write_pipeline(model, before, pipeline)
    model.replaced_pipeline.unlink(missing_ok=True)


def own_pipeline(model: Model) -> Path | None:
    """The pipeline with whatever the user has edited in it; None where there is none yet."""
    there = (model.pipeline, model.replaced_pipeline)  # the second where a run was broken off
    return next(filter(Path.is_file, there), None)


def current_pipeline(model: Model) -> pipelines.Pipeline:
    """The user's own pipeline, or else the zoo's, fit for one machine."""
    own = own_pipeline(model)
    if own:
        return pipelines.load(own)
    pipeline = zoo_pipeline.for_one_machine(pipelines.load(model.zoo_pipeline))
    pipelines.tell_what_is_left_out(model.zoo_pipeline)
    if zoo_pipeline.has_masks(pipeline):
        class_axis.keep_mask_depth(pipeline, checkpoint.shapes(archive.checkpoint(model)))
    return pipeline


def is_cut_for(model: Model, categories: LabelMap) -> bool:
    if checkpoint.newest(model.training) is None or not model.label_map.is_file():
        return False
    return label_map.read(model.label_map) == categories


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


def write_start_of_training(model: Model, dataset: Dataset, categories: LabelMap, pipeline: pipelines.Pipeline) -> None:
    """training/model.ckpt-0: the detector cut to `categories`; and beside it the label map it was cut for."""
    started = time.monotonic()
    shipped = pipelines.load(model.zoo_pipeline)
    class_count = zoo_pipeline.detector(shipped).num_classes
    known = pretrained.categories(model, class_count)
    keep = pretrained.classes(categories, known, class_count)
    initial = initial_values(pipeline) if None in keep else None
    variables = class_head.cut_checkpoint(checkpoint.read(archive.checkpoint(model)), shipped, keep, initial)
    require_variables(variables, model, pipeline)  # the last that may be refused: nothing has been changed until here
    if model.pipeline.is_file():
        os.replace(model.pipeline, model.replaced_pipeline)
    start = checkpoint.at_step(model.training, 0)
    model.label_map.unlink(missing_ok=True)  # there only while the checkpoint is the one that it tells of
    checkpoint.write(start, variables)
    files.write_text(model.label_map, dataset.label_map.read_text(encoding="utf-8"))
    progress.made(start, started, checkpoint.size_on_disk(start))
    say_what_was_kept(categories, known, class_count, len(keep))


def initial_values(pipeline: pipelines.Pipeline) -> dict:
    from todus.bridge import detection_model

    return detection_model.initial_variables(pipeline, SEED)


def require_variables(variables: dict, model: Model, pipeline: pipelines.Pipeline) -> None:
    """Raises UserError unless the checkpoint holds every variable of the detector, in its shape, as float32."""
    from todus.bridge import detection_model

    wanted = detection_model.variable_shapes(pipeline)
    for name, shape in wanted.items():
        found = variables.get(name)
        if found is None or list(found.shape) != shape:
            raise misfit(model, name, str(shape), "nothing" if found is None else str(list(found.shape)))
        if found.dtype != np.float32:
            raise misfit(model, name, "float32", str(found.dtype))


def misfit(model: Model, variable: str, wanted: str, found: str) -> UserError:
    """The error to raise where a variable is not what the pipeline makes of it: the user's edit, or the archive's."""
    own = own_pipeline(model)
    name, remedy = model.zoo_pipeline.name, "the two do not belong together"
    if own:
        name, remedy = str(own), "correct it, or delete it to begin from the zoo's"
    return UserError(
        f"{archive.checkpoint(model)} does not fit {name}: variable {variable} should be {wanted}, the checkpoint has "
        f"{found}; {remedy}"
    )


def say_what_was_kept(categories: LabelMap, known: LabelMap, before: int, after: int) -> None:
    unknown = pretrained.unknown(categories, known)
    trained = [name for name in categories.ids if name not in unknown]
    if after < before:
        progress.say(f"class head cut from {before} classes to {after}: {', '.join(categories.ids)}")
    if unknown:
        rest = f" ({', '.join(trained)} keep their trained weights)" if trained else ""
        progress.say(f"the pretrained model has never seen {', '.join(unknown)}: to be trained first{rest}")


def write_pipeline(model: Model, before: pipelines.Pipeline, pipeline: pipelines.Pipeline) -> None:
    """Write the pipeline and show what is new in it."""
    shown_against = before if own_pipeline(model) else pipelines.load(model.zoo_pipeline)
    for line in zoo_pipeline.changes(shown_against, pipeline, model.pretrained):
        progress.say(f"  {line}")
    started = time.monotonic()
    pipelines.save(pipeline, model.pipeline)
    progress.made(model.pipeline, started)
