"""A .tflite file with what has to be known of it: metadata in the model, and files appended to it as a zip archive.

labels.txt      the categories, one a line, 0-based: line 0 is class 0; where the standard says that apps look for them
detector.json   all that Todus knows of the detector (tflite_facts.Facts)
anchors.npy     only with raw heads: float32 [anchors, 4], what boxes are encoded against
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from todus.converting import tflite_metadata
from todus.errors import UserError
from todus.exporting import tflite_facts
from todus.exporting.tflite_facts import Facts
from todus.progress import shown

IDENTIFIER = b"TFL3"
POST_PROCESS = "TFLite_Detection_PostProcess"
FACTS_FILE, ANCHORS_FILE = "detector.json", "anchors.npy"
_ALIGNMENT = 16  # bytes, of each buffer of weights, as the schema says
_UNCHANGED = (2020, 1, 1, 0, 0, 0)  # the date of each appended file, so that equal input makes equal bytes


def dress(model: bytes, name: str, facts: Facts, anchors: np.ndarray | None = None) -> bytes:
    """`model` with its metadata and files; `anchors` are for raw heads."""
    appended = {
        tflite_metadata.LABELS_FILE: labels_text(facts).encode(),
        FACTS_FILE: json.dumps(facts.to_json(), indent=1, ensure_ascii=False).encode(),
    }
    if anchors is not None:
        appended[ANCHORS_FILE] = _npy(anchors)
    others = [file for file in appended if file != tflite_metadata.LABELS_FILE]
    with_metadata = _with_buffer(model, tflite_metadata.BUFFER, tflite_metadata.build(name, facts, others))
    return _with_files(with_metadata, appended)


def labels_text(facts: Facts) -> str:
    return "".join(f"{label}\n" for label in facts.labels)


def _with_buffer(model: bytes, name: str, content: bytes) -> bytes:
    """The flatbuffer `model` with one more named buffer."""
    unpacked = schema.ModelT.InitFromObj(schema.Model.GetRootAs(model, 0))
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(content, np.uint8)
    unpacked.buffers.append(buffer)
    entry = schema.MetadataT()
    entry.name, entry.buffer = name, len(unpacked.buffers) - 1
    unpacked.metadata = [*(unpacked.metadata or []), entry]
    return packed(unpacked, len(model))


def packed(model: schema.ModelT, size: int) -> bytes:
    """The flatbuffer of `model`, which has `size` bytes or so."""
    builder = _AlignedBuilder(size)
    builder.Finish(model.Pack(builder), file_identifier=IDENTIFIER)
    return bytes(builder.Output())


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
    return packed(unpacked, len(model))


class _AlignedBuilder(flatbuffers.Builder):
    """Puts vectors where the schema wants those of weights; the generated code knows nothing of its force_align."""

    def CreateNumpyVector(self, x: np.ndarray) -> int:  # noqa: N802  (flatbuffers' name)
        self.Prep(_ALIGNMENT, x.nbytes)
        return super().CreateNumpyVector(x)


def _with_files(model: bytes, contents: dict[str, bytes]) -> bytes:
    file = io.BytesIO(model)
    with zipfile.ZipFile(file, "a") as archive:
        for name, content in contents.items():
            archive.writestr(zipfile.ZipInfo(name, _UNCHANGED), content)
    return file.getvalue()


def _npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getvalue()


def facts_in(path: Path) -> Facts | None:
    """What the file tells of itself; None of a file that is not of Todus.

    Raises:
      UserError: it is not there, no .tflite file, or damaged.
    """
    content = _appended(path, FACTS_FILE)
    return None if content is None else tflite_facts.from_json(content.decode("utf-8", "replace"), str(shown(path)))


def facts_or_none(path: Path) -> Facts | None:
    """As `facts_in`, but None of a damaged file too."""
    try:
        return facts_in(path)
    except UserError:
        return None


def labels_in(path: Path) -> list[str] | None:
    """The lines of the first file of labels that the file carries, ours or not; None where there is none."""
    for name in _appended_names(path):
        if name.endswith(".txt") and "label" in name.lower():
            return _appended(path, name).decode("utf-8", "replace").splitlines()
    return None


def anchors_in(path: Path) -> np.ndarray | None:
    """float32 [anchors, 4]: y and x of the centre, height, width; None where the file carries none."""
    content = _appended(path, ANCHORS_FILE)
    return None if content is None else np.load(io.BytesIO(content), allow_pickle=False)


def require(path: Path) -> None:
    """Raises UserError if there is no .tflite file at `path`."""
    try:
        with path.open("rb") as file:
            head = file.read(8)
    except (FileNotFoundError, IsADirectoryError):
        raise UserError(f"{shown(path)} is not there; run: make convert-tflite") from None
    if head[4:] != IDENTIFIER:
        raise UserError(f"{shown(path)} is no TensorFlow Lite model; convert it anew or name another")


def _appended_names(path: Path) -> Iterator[str]:
    require(path)
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            yield from archive.namelist()


def _appended(path: Path, name: str) -> bytes | None:
    if name not in _appended_names(path):
        return None
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.read(name)
    except zipfile.BadZipFile:
        raise UserError(f"{shown(path)} is damaged; convert it anew") from None
