"""Loading an engine that TensorRT has built, and what is to be known of it besides."""

import json
from pathlib import Path

import tensorrt
from common import needed


def load(path: Path) -> object:
    """An engine, tensorrt.ICudaEngine. Raises RuntimeError if it is of another version of TensorRT or another GPU."""
    logger = tensorrt.Logger(tensorrt.Logger.WARNING)
    require(tensorrt.init_libnvinfer_plugins(logger, ""), "cannot load its plugins")
    engine = tensorrt.Runtime(logger).deserialize_cuda_engine(path.read_bytes())
    require(engine, "cannot load it; build it anew on this very device")
    return engine


def context_of(engine: object) -> object:
    """tensorrt.IExecutionContext."""
    context = engine.create_execution_context()
    require(context, "cannot make room for it; is the GPU's memory full?")
    return context


def require(answer: object, complaint: str) -> None:
    """TensorRT answers with false or None where something went wrong, and writes why to the terminal."""
    if not answer:
        raise RuntimeError(f"TensorRT {complaint}")


def description() -> dict:
    """What model.json tells, which is beside this file."""
    path = Path(__file__).with_name("model.json")
    if not path.is_file():
        raise RuntimeError(f"{path} is not there, which tells what the engine takes; copy it there")
    names = ("labels", "height", "width", "resize", "mean", "deviation", "input", "layout")
    return needed(json.loads(path.read_text(encoding="utf-8")), names, str(path))
