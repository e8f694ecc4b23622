"""Read and write pipeline.config, the API's one description of a model, its training and its evaluation.

Paths inside the file are written relative to the file's own folder, so that the whole tree can be moved; in memory
they are absolute, as the API wants them.

The zoo's pipelines are years older than the API. What they say in fields that it has dropped since, as
batch_norm_trainable of ssd_mobilenet_v2, is left out; tell_what_is_left_out tells it. In any other pipeline such a
field is a slip of whoever edited it, and refused.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from google.protobuf import text_format

from todus import files, progress
from todus.bridge import protos
from todus.errors import UserError

protos.install()

from object_detection.protos import pipeline_pb2  # noqa: E402  (needs the importer installed above)

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor, FieldDescriptor
    from google.protobuf.message import Message

Pipeline = pipeline_pb2.TrainEvalPipelineConfig

OF_THE_ZOO = ".zoo"  # how the name of a pipeline ends that is as the zoo shipped it

# What matters of protobuf's text format to know which field is in which message, in text that parses. Comments and
# strings are there to be passed over.
_TOKEN = re.compile(
    r"""\#[^\n]*
    | "(?:\\.|[^"\\])*" | '(?:\\.|[^'\\])*'
    | \b(?P<field>[A-Za-z_]\w*)(?=(?:\s|\#[^\n]*\n)*[:{<])
    | (?P<opens>[{<]) | (?P<closes>[}>])""",
    re.VERBOSE,
)


def load(path: Path) -> Pipeline:
    """Read a pipeline; relative paths in it become absolute, taken from the folder of `path`.

    Fields that the API does not know are left out of the zoo's own pipeline (pipeline.config.zoo).

    Raises:
      UserError: the file is not there or is not a pipeline; it has a field that the API does not know, and is not the
        zoo's.
    """
    try:
        text = path.read_text(encoding="utf-8")
        pipeline = parse(text)
    except FileNotFoundError:
        raise UserError(f"{path} is not there; make model writes it") from None
    except (text_format.ParseError, UnicodeDecodeError, RecursionError) as error:  # the last: made to do harm
        raise UserError(f"{path} is not a pipeline of the Object Detection API: {error}") from None
    unknown = [] if path.suffix == OF_THE_ZOO else unknown_fields(text)
    if unknown:
        raise UserError(f"{path}, {_described(unknown[0])}{_meant(unknown[0])}")
    _each_path(pipeline, lambda value: os.path.normpath(path.parent.absolute() / value))
    return pipeline


def parse(text: str) -> Pipeline:
    """The pipeline in `text`, without the fields that the API does not know.

    Raises text_format.ParseError if `text` is not a pipeline.
    """
    return text_format.Parse(text, Pipeline(), allow_unknown_field=True)


@dataclass(frozen=True)
class UnknownField:
    """A field that the API does not know, and where it stands."""

    name: str
    line: int  # counted from 1
    message: str  # what it is said to be a field of, e.g. `SsdFeatureExtractor`
    known: tuple[str, ...]  # the fields that this has


def unknown_fields(text: str) -> list[UnknownField]:
    """The fields in `text`, which `parse` takes, that `parse` leaves out; not what is inside of them."""
    found = []
    field: FieldDescriptor | None = None  # the last one that was named in the message at hand
    message: Descriptor | None = Pipeline.DESCRIPTOR  # None within a field that is unknown itself
    around: list[tuple[Descriptor | None, FieldDescriptor | None]] = []
    for token in _TOKEN.finditer(text):
        if token["field"] and message:
            field = message.fields_by_name.get(token["field"])
            if field is None:
                line = text.count("\n", 0, token.start()) + 1
                found.append(UnknownField(token["field"], line, message.name, tuple(message.fields_by_name)))
        elif token["opens"]:
            around.append((message, field))
            message = field.message_type if message and field else None
        elif token["closes"]:
            message, field = around.pop()
    return found


def _described(field: UnknownField) -> str:
    return f"line {field.line}: {field.message} has no field {field.name}"


def _meant(field: UnknownField) -> str:
    near = difflib.get_close_matches(field.name, field.known, n=1)
    return f"; did you mean {near[0]}?" if near else "; correct it or take it out"


def tell_what_is_left_out(path: Path) -> None:
    """Say which fields of the zoo's pipeline `path`, which `load` takes, the API does not know."""
    fields = unknown_fields(path.read_text(encoding="utf-8"))
    if not fields:
        return
    what = "; ".join(_described(field) for field in fields)
    progress.say(f"left out of {progress.shown(path)} what the Object Detection API no longer knows: {what}")


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
