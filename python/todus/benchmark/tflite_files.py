"""The .tflite files of one checkpoint: those that are there and up to date, and those that have to be made first."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from todus import command, files
from todus.benchmark.wanted import Wanted
from todus.coco import label_map
from todus.converting import tflite, tflite_file, tflite_source
from todus.converting.tflite_runner import POST_PROCESS
from todus.converting.tflite_source import Source
from todus.errors import UserError
from todus.exporting import tflite_graph
from todus.exporting.tflite_facts import Facts
from todus.exporting.tflite_graph import Settings


class TFLiteFiles:
    """Those of the model and checkpoint `wanted`."""

    def __init__(self, wanted: Wanted):
        self.wanted, self.model = wanted, wanted.model

    def place_of(self, kind: str) -> Path:
        """Where the file of `kind` is, or is to be made: never in place of one of another kind or form.

        Raises:
          UserError: its place is taken.
        """
        own, first = self.model.other_tflite(kind), self.model.tflite
        there = [path for path in (own, first) if path.is_file() and kind_of(path) == kind]
        for path in there:
            if self.is_current(path):
                return path
        place = next((path for path in there if self._has_form_of_now(path)), own)
        if place in there or not place.is_file():
            return place
        what = "is of another form, and outdated" if place in there else "is damaged, or of another kind"
        raise UserError(f"{place.name} {what}; move it away")

    def is_current(self, path: Path) -> bool:
        """Whether the file at `path` is there, and of the checkpoint as it is."""
        facts = tflite_file.facts_or_none(path) if path.is_file() else None
        return (
            facts is not None
            and facts.checkpoint == self.wanted.prefix.name
            and facts.label_map == label_map.read(self.model.label_map)
            and self.wanted.is_older_than(path)
        )

    def _has_form_of_now(self, path: Path) -> bool:
        facts = tflite_file.facts_or_none(path)
        return facts is not None and _form(facts) == _form(self.source.facts)

    def require(self, kind: str) -> None:
        """Raises UserError if the model cannot be exported for TensorFlow Lite, or lacks ranges that `kind` needs."""
        if kind == "uint8" and not self.source.facts.is_quantized:
            remedy = f"{command.for_model('model', self.model)} QUANTIZE=1, then make benchmark"
            raise UserError(f"needs QUANTIZE=1; run: {remedy}")
        tflite.require_ranges(self.source, [kind], self.model)

    def make(self, kind: str, place: Path) -> None:
        """Convert what `require` has let pass.

        Raises:
          UserError: the converter refuses the graph.
          DisagreementError: what it made of the graph computes something else.
        """
        labels = "".join(f"{label}\n" for label in self.source.facts.labels)
        files.write_text(self.model.tflite_labels, labels)
        images = self._representative_images if kind == "int8" else []
        tflite.convert_to(place, kind, self.source, images, self._validation_image)

    @cached_property
    def source(self) -> Source:
        """The graph to convert, exported first where it is not of the checkpoint, with the settings of before."""
        if not tflite_graph.is_current(self.model, self.wanted.prefix):
            before = tflite_graph.facts_or_none(self.model)
            settings = Settings(*_form(before)) if before else Settings()
            tflite_graph.export(self.model, self.wanted.checkpoint_name, settings)
        return tflite_source.exported_source(self.model)

    @cached_property
    def _representative_images(self) -> list[np.ndarray]:
        return tflite.representative_images(self.model, self.source)

    @cached_property
    def _validation_image(self) -> np.ndarray:
        return tflite.validation_image(self.model, self.source)


def _form(facts: Facts) -> tuple[str, int, float]:
    """What the user chose when it was exported, in Settings' order."""
    return facts.suppression, facts.max_detections, facts.score_threshold


def kind_of(path: Path) -> str | None:
    """Which of tflite.KINDS a file is, told by the types of its tensors; None of a file that cannot be read."""
    try:
        tflite_file.require(path)
        graph = schema.Model.GetRootAs(path.read_bytes(), 0).Subgraphs(0)
        types = [graph.Tensors(index).Type() for index in range(graph.TensorsLength())]
        taken = types[graph.Inputs(0)]
    except Exception:  # flatbuffers raises whatever comes where bytes are not what they should be
        return None
    if taken == schema.TensorType.FLOAT32:
        if schema.TensorType.FLOAT16 in types:
            return "float16"
        return "dynamic" if schema.TensorType.INT8 in types else "float32"
    return "int8" if types.count(schema.TensorType.INT8) > types.count(schema.TensorType.UINT8) else "uint8"


def without_post_processing(model: bytes) -> bytes | None:
    """The same model, giving the box encodings and scores that TFLite_Detection_PostProcess takes; None without it."""
    unpacked = schema.ModelT.InitFromObj(schema.Model.GetRootAs(model, 0))
    graph = unpacked.subgraphs[0]
    names = [unpacked.operatorCodes[operator.opcodeIndex].customCode for operator in graph.operators]
    if POST_PROCESS.encode() not in names:
        return None
    last = names.index(POST_PROCESS.encode())
    graph.outputs = graph.operators[last].inputs[:2]
    graph.operators = graph.operators[:last]
    unpacked.signatureDefs, unpacked.metadata = None, None
    return tflite_file.packed(unpacked, len(model))
