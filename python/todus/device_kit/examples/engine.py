"""Loading an engine that TensorRT has built."""

from pathlib import Path

import tensorrt


def load(path: Path) -> object:
    """An engine, tensorrt.ICudaEngine. Raises RuntimeError if it is of another version of TensorRT or another GPU."""
    logger = tensorrt.Logger(tensorrt.Logger.WARNING)
    tensorrt.init_libnvinfer_plugins(logger, "")
    engine = tensorrt.Runtime(logger).deserialize_cuda_engine(path.read_bytes())
    if engine is None:
        raise RuntimeError("TensorRT cannot load it; build it anew on this very device")
    return engine
