"""In the place of NVIDIA's Python package, where there is none: what the programs of the kits call of it, by its
documentation (ICudaEngine and IExecutionContext of TensorRT 8.2 and 8.6), on memory that `memory` gives.

An engine computes with a function of the test's: ENGINES[content of the file] = (tensors, function).
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass

import memory
import numpy as np


class DataType(enum.Enum):
    FLOAT, INT32, UINT8 = np.float32, np.int32, np.uint8


class TensorIOMode(enum.Enum):
    NONE, INPUT, OUTPUT = range(3)


class Logger:
    WARNING = 2

    def __init__(self, severity: int):
        assert severity == self.WARNING


PLUGINS_LOADED: list[str] = []


def init_libnvinfer_plugins(logger: Logger, namespace: str) -> bool:
    assert isinstance(logger, Logger)
    PLUGINS_LOADED.append(namespace)
    return True


@dataclass(frozen=True)
class Tensor:
    """shape: with the batch, whose -1 is for any number."""

    name: str
    mode: TensorIOMode
    shape: tuple[int, ...]
    dtype: DataType


ENGINES: dict[bytes, tuple[list[Tensor], Callable[[np.ndarray], list[np.ndarray]]]] = {}


class Runtime:
    def __init__(self, logger: Logger):
        assert isinstance(logger, Logger)

    def deserialize_cuda_engine(self, content: bytes) -> ICudaEngine | None:
        assert PLUGINS_LOADED, "or an engine with plugins cannot be read"
        return ICudaEngine(*ENGINES[content]) if content in ENGINES else None


class ICudaEngine:
    """By names (TensorRT 8.5 and later) and by numbers, the batch left out of the shapes (implicit batch)."""

    def __init__(self, tensors: list[Tensor], function: Callable[[np.ndarray], list[np.ndarray]]):
        self.tensors, self.function = tensors, function

    @property
    def num_io_tensors(self) -> int:
        return len(self.tensors)

    num_bindings = num_io_tensors

    def get_tensor_name(self, index: int) -> str:
        return self.tensors[index].name

    def get_tensor_dtype(self, name: str) -> DataType:
        return self.named(name).dtype

    def named(self, name: str) -> Tensor:
        return next(tensor for tensor in self.tensors if tensor.name == name)

    def binding_is_input(self, index: int) -> bool:
        return self.tensors[index].mode is TensorIOMode.INPUT

    def get_binding_shape(self, index: int) -> tuple[int, ...]:
        return self.tensors[index].shape[1:]

    def get_binding_dtype(self, index: int) -> DataType:
        return self.tensors[index].dtype

    def create_execution_context(self) -> IExecutionContext:
        return IExecutionContext(self)


class IExecutionContext:
    def __init__(self, engine: ICudaEngine):
        self.engine = engine
        self.batch = None
        self.addresses: dict[str, int] = {}

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        if self.engine.named(name).shape[1:] != shape[1:]:
            return False
        self.batch = shape[0]
        return True

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        batch, *rest = self.engine.named(name).shape
        return (self.batch if batch < 0 and self.batch else batch, *rest)

    def set_tensor_address(self, name: str, address: int) -> bool:
        assert type(address) is int
        self.addresses[name] = address
        return True

    def execute_async_v3(self, stream_handle: int) -> bool:
        assert type(stream_handle) is int and self.batch == 1
        return self._run([self.addresses[tensor.name] for tensor in self.engine.tensors])

    def execute(self, batch_size: int, bindings: list[int]) -> bool:
        assert batch_size == 1 and all(type(address) is int for address in bindings)
        return self._run(bindings)

    def _run(self, addresses: list[int]) -> bool:
        given, places = [], []
        for tensor, address in zip(self.engine.tensors, addresses, strict=True):
            shape = (1, *tensor.shape[1:])
            values = memory.array(address, shape, tensor.dtype.value)
            (given if tensor.mode is TensorIOMode.INPUT else places).append(values)
        for place, values in zip(places, self.engine.function(*given), strict=True):
            assert place.shape == values.shape and place.dtype == values.dtype
            place[:] = values
        return True
