"""Files that end before post-processing, beside which the whole is timed."""

from __future__ import annotations

from pathlib import Path

from todus.benchmark import tflite_files
from todus.benchmark.programs import LITERT, ONNXRUNTIME, TENSORFLOW, Job


def job_of(path: Path, threads: int, work: Path) -> Job:
    """How `path`, a frozen graph, the folder of a SavedModel, a .tflite or .onnx, is run.

    Args:
      work: a folder for what is cut off.
    """
    if path.suffix == ".tflite":
        heads = tflite_files.without_post_processing(path.read_bytes())
        return Job(LITERT, path, threads, _written(work / path.name, heads))
    if path.suffix == ".onnx":
        return Job(ONNXRUNTIME, path, threads, _written(work / path.name, _onnx_without_suppression(path)))
    return Job(TENSORFLOW, path, threads)


def _onnx_without_suppression(path: Path) -> bytes:
    from todus.converting import onnx_check, onnx_file

    return onnx_check.without_suppression(onnx_file.load(path)[0]).SerializeToString()


def _written(path: Path, content: bytes | None) -> Path | None:
    if content is None:
        return None
    path.write_bytes(content)
    return path
