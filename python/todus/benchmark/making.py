"""Make the file of every format, as its own verb makes it, in the model's shadow."""

from __future__ import annotations

import contextlib
import io
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

from todus import command, files, progress
from todus.benchmark import formats, pretrained_graph, shadow
from todus.benchmark.formats import Format
from todus.benchmark.shadow import Shadow
from todus.bridge import pipeline as pipelines
from todus.converting import onnx, tflite, tflite_source, uff
from todus.converting.tflite_source import Source
from todus.errors import UserError
from todus.exporting import inference_graph, tflite_graph
from todus.zoo import pipeline as zoo_pipeline

SIZE_ONLY = "size only: TensorRT alone runs it"


@dataclass(frozen=True)
class Made:
    """A format's file (or folder), or the reason why it cannot be measured."""

    format: Format
    path: Path | None = None
    reason: str = ""

    @cached_property
    def size(self) -> int | None:
        """Bytes."""
        return files.size_on_disk(self.path) if self.path else None


def make_all(of: Shadow, chosen: Sequence[Format]) -> list[Made]:
    """The limited model is exported in any case: its weights are counted in the export.

    Raises:
      UserError, WorldError: it cannot be exported.
    """
    maker = _Maker(of)
    maker.exported()
    return [_attempt(one, maker.of(one)) for one in chosen]


def _attempt(one: Format, make: Callable[[], Path]) -> Made:
    try:
        return Made(one, make(), SIZE_ONLY if one.name == formats.UFF else "")
    except formats.failures() as error:
        reason = formats.reason(error)
        progress.say(f"no {one.title}: {formats.in_few_words(reason)}")
        return Made(one, reason=reason)


class _Maker:
    """Messages name the model itself: a verb that mends something is to be run for that."""

    def __init__(self, of: Shadow):
        self.shadow, self.model, self.copy = of, of.model, of.copy

    def of(self, one: Format) -> Callable[[], Path]:
        return {
            formats.PRETRAINED: self.pretrained,
            formats.EXPORTED: self.exported,
            formats.SAVED_MODEL: lambda: self.copy.saved_model,
            formats.ONNX: self.onnx,
            formats.UFF: self.uff,
        }.get(one.name, partial(self.tflite, one.name))

    def exported(self) -> Path:
        export = partial(inference_graph.export, self.copy, self.shadow.checkpoint)
        self._make(formats.EXPORTED, self.copy.inference_graph, export)
        return self.copy.frozen_graph

    def pretrained(self) -> Path:
        place = self.model.benchmark_pretrained
        self._make(formats.PRETRAINED, place, partial(pretrained_graph.export, self.model))
        return self.model.benchmark_pretrained_graph

    def tflite(self, kind: str) -> Path:
        self._require_ranges(kind)
        place = self.copy.other_tflite(kind)

        def convert() -> None:
            images = self._representative_images if kind == "int8" else []
            tflite.convert_to(place, kind, self._source, images, tflite.validation_image(self.model, self._source))

        return self._make(kind, place, convert)

    def onnx(self) -> Path:
        return self._make(formats.ONNX, self.copy.onnx, partial(onnx.convert, self.copy, "", self.shadow.checkpoint))

    def uff(self) -> Path:
        if self._is_quantized:
            remedy = f"{command.for_model('model', self.model)} QUANTIZE=0, which makes another model of it"
            raise UserError(f"UFF cannot have fake quantization; for one without: {remedy}")
        return self._make(formats.UFF, self.copy.uff, partial(uff.convert, self.copy, "exported"))

    def _make(self, product: str, place: Path, make: Callable[[], object]) -> Path:
        if not (self.shadow.has(product) and place.exists()):
            shadow.remove(place)  # what a killed run has left
            with _making(place):
                make()
            self.shadow.note(product)
        return place

    def _require_ranges(self, kind: str) -> None:
        if kind == "uint8" and not self._is_quantized:
            reconfigured = f"{command.for_model('model', self.model)} QUANTIZE=1, which reconfigures the model"
            raise UserError(f"needs QUANTIZE=1; for that: {reconfigured}, then make train benchmark")
        if not self.shadow.has(kind):
            tflite.require_ranges(self._source, [kind], self.model)

    @cached_property
    def _is_quantized(self) -> bool:
        return zoo_pipeline.is_quantized(pipelines.load(self.model.pipeline))

    @cached_property
    def _source(self) -> Source:
        """What is converted for TensorFlow Lite."""
        export = partial(tflite_graph.export, self.copy, self.shadow.checkpoint)
        self._make("tflite-graph", self.copy.tflite_graph, export)
        with _quietly():
            return tflite_source.exported_source(self.copy)

    @cached_property
    def _representative_images(self) -> list:
        return tflite.representative_images(self.model, self._source)


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
