"""Find the file of every format, or make it first, as its own verb makes it and where that puts it."""

from __future__ import annotations

import contextlib
import io
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from todus import files, progress
from todus.benchmark import formats, onnx_file, pretrained_graph, reasons
from todus.benchmark.formats import Format
from todus.benchmark.tflite_files import TFLiteFiles
from todus.benchmark.wanted import Wanted
from todus.bridge import pipeline as pipelines
from todus.coco import label_map, labels
from todus.converting import tflite, tflite_file, uff
from todus.errors import UserError
from todus.exporting import inference_graph
from todus.exporting.tflite_facts import NONE, REGULAR
from todus.zoo import pipeline as zoo_pipeline


@dataclass(frozen=True)
class Made:
    """A format's file (or folder), or the reason why it cannot be measured.

    note: what to know of it.
    """

    format: Format
    path: Path | None = None
    reason: str = ""
    note: str = ""

    @property
    def size(self) -> int | None:
        """Bytes."""
        return files.size_on_disk(self.path) if self.path and self.path.exists() else None


def make_all(wanted: Wanted, chosen: Sequence[Format]) -> list[Made]:
    """The limited model is exported in any case: its weights are counted in the export.

    Raises:
      UserError, WorldError: it cannot be exported.
    """
    _export(wanted)
    makers = _makers(wanted)
    return [_attempt(one, makers[one.name]) for one in chosen]


def _attempt(one: Format, make: Callable[[], Made]) -> Made:
    try:
        return make()
    except Exception as error:  # of whatever kind: it is this row's, and the others stand
        reason = reasons.of(error)
        progress.say(f"no {one.title}: {reasons.short(reason)}")
        return Made(one, reason=reason)


def _makers(wanted: Wanted) -> dict[str, Callable[[], Made]]:
    model, by_name = wanted.model, {one.name: one for one in formats.FORMATS}
    of_tflite = TFLiteFiles(wanted)
    return {
        formats.PRETRAINED: lambda: _pretrained(wanted, by_name[formats.PRETRAINED]),
        formats.EXPORTED: lambda: Made(by_name[formats.EXPORTED], model.frozen_graph),
        formats.SAVED_MODEL: lambda: Made(by_name[formats.SAVED_MODEL], model.saved_model),
        **{kind: lambda kind=kind: _tflite(of_tflite, by_name[kind]) for kind in tflite.KINDS},
        formats.ONNX: lambda: _onnx(wanted, by_name[formats.ONNX]),
        formats.UFF: lambda: _uff(wanted, by_name[formats.UFF]),
    }


def _export(wanted: Wanted) -> None:
    if not inference_graph.is_current(wanted.model, wanted.prefix):
        with _making(wanted.model.inference_graph):
            inference_graph.export(wanted.model, wanted.checkpoint_name)


def _pretrained(wanted: Wanted, one: Format) -> Made:
    source = pretrained_graph.source(wanted.model)
    if not pretrained_graph.is_current(wanted.model, source):
        with _making(wanted.model.benchmark_pretrained):
            pretrained_graph.export(wanted.model, source)
    return Made(one, wanted.model.benchmark_pretrained_graph)


def _tflite(of_tflite: TFLiteFiles, one: Format) -> Made:
    place = of_tflite.place_of(one.name)
    if not of_tflite.is_current(place):
        with _quietly():
            of_tflite.require(one.name)
        with _making(place):
            of_tflite.make(one.name, place)
    suppression = tflite_file.facts_in(place).suppression
    if suppression == NONE:
        return Made(one, place, "raw heads (POSTPROCESS=0); export with POSTPROCESS=1")
    return Made(one, place, note="NMS=regular has to run with one thread, and does" if suppression == REGULAR else "")


def _onnx(wanted: Wanted, one: Format) -> Made:
    if not onnx_file.is_current(wanted):
        with _making(wanted.model.onnx):
            onnx_file.make(wanted)
    return Made(one, wanted.model.onnx)


def _uff(wanted: Wanted, one: Format) -> Made:
    """Only TensorRT runs it. A file does not tell what it was made of: one that is there is taken as it is."""
    model, note = wanted.model, ""
    if not model.uff.is_file():
        if zoo_pipeline.is_quantized(pipelines.load(model.pipeline)):
            raise UserError("has no fake quantization; prepare and train with QUANTIZE=0")
        with _making(model.uff):
            source = uff.choose(model, "exported")
            content = uff.by_pipeline(source, uff.DEFAULT, None)
            uff.checked(content)
            uff.write(model, content, None, source.categories)
    elif model.uff.stat().st_mtime < model.export_source.stat().st_mtime:
        note = f"{model.uff.name} is older than the export, of which it need not be"
    if not model.converted_labels.is_file() or labels.read(model.converted_labels) != label_map.read(model.label_map):
        raise UserError(f"{model.converted_labels.name} beside {model.uff.name} is for others; move both away")
    return Made(one, model.uff, "size only: TensorRT alone runs it", note)


@contextlib.contextmanager
def _making(place: Path) -> Iterator[None]:
    """Say that it is made, and what came of it, in a line each instead of all that its own verb says."""
    progress.say(f"making {progress.shown(place)}")
    started = time.monotonic()
    with _quietly():
        yield
    progress.made(place, started)


def _quietly() -> contextlib.AbstractContextManager:
    return contextlib.redirect_stdout(io.StringIO())
