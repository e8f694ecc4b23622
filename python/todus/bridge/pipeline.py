"""Read and write pipeline.config, the API's one description of a model, its training and its evaluation.

Paths inside the file are written relative to the file's own folder, so that the whole tree can be moved; in memory
they are absolute, as the API wants them.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from google.protobuf import text_format

from todus import files
from todus.bridge import protos
from todus.errors import UserError

protos.install()

from object_detection.protos import pipeline_pb2  # noqa: E402  (needs the importer installed above)

if TYPE_CHECKING:
    from google.protobuf.message import Message

Pipeline = pipeline_pb2.TrainEvalPipelineConfig


def load(path: Path) -> Pipeline:
    """Read a pipeline; relative paths in it become absolute, taken from the folder of `path`.

    Fields that this revision of the API no longer knows are left out, as the API itself does.

    Raises:
      UserError: the file is not there or is not a pipeline.
    """
    try:
        pipeline = parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path} is not there; run: make model MODEL=NAME") from None
    except (text_format.ParseError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not a pipeline of the Object Detection API: {error}") from None
    _each_path(pipeline, lambda value: os.path.normpath(path.parent.absolute() / value))
    return pipeline


def parse(text: str) -> Pipeline:
    """Raises text_format.ParseError if `text` is not a pipeline."""
    return text_format.Parse(text, Pipeline(), allow_unknown_field=True)


def save(pipeline: Pipeline, path: Path) -> None:
    """Write `pipeline` to `path` atomically, with its absolute paths made relative to the folder of `path`."""
    files.write_text(path, to_text(pipeline, path.parent))


def to_text(pipeline: Pipeline, folder: Path) -> str:
    """The text of `pipeline` as it stands in a file in `folder`."""
    movable = Pipeline()
    movable.CopyFrom(pipeline)
    _each_path(movable, lambda value: os.path.relpath(value, folder.absolute()))
    return text_format.MessageToString(movable)


def as_shipped(pipeline: Pipeline) -> str:
    """The text of `pipeline` as the zoo ships it: with placeholders for the paths of whoever trained it."""
    anonymous = copy(pipeline)
    _each_path(anonymous, lambda value: f"PATH_TO_BE_CONFIGURED/{Path(value).name}")
    return text_format.MessageToString(anonymous)


def copy(pipeline: Pipeline) -> Pipeline:
    duplicate = Pipeline()
    duplicate.CopyFrom(pipeline)
    return duplicate


def _each_path(pipeline: Pipeline, change: Callable[[str], str]) -> None:
    """Apply `change` to every path that the pipeline names."""
    if pipeline.train_config.fine_tune_checkpoint:
        pipeline.train_config.fine_tune_checkpoint = change(pipeline.train_config.fine_tune_checkpoint)
    for reader in _readers(pipeline):
        if reader.label_map_path:
            reader.label_map_path = change(reader.label_map_path)
        records = reader.tf_record_input_reader
        changed = [change(value) for value in records.input_path]
        if changed:
            records.input_path[:] = changed


def _readers(pipeline: Pipeline) -> list[Message]:
    readers = list(pipeline.eval_input_reader)
    if pipeline.HasField("train_input_reader"):
        readers.append(pipeline.train_input_reader)
    return readers


def meta_architecture(pipeline: Pipeline) -> str:
    """`ssd`, `faster_rcnn`, ...: which of the API's meta-architectures the model is."""
    return pipeline.model.WhichOneof("model") or "none"
