"""TensorFlow's tensors and data types as UFF has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uff.errors import UffError

if TYPE_CHECKING:
    import numpy as np
    from tensorflow.core.framework.tensor_pb2 import TensorProto

# By the numbers of TensorFlow's enumeration DataType (tensorflow/core/framework/types.proto).
_DATA_TYPES = {
    1: "DT_FLOAT32",
    3: "DT_INT32",
    5: "DT_INT16",
    6: "DT_INT8",
    9: "DT_INT64",
    19: "DT_FLOAT16",
}


def data_type(number: int, whose: str) -> str:
    """The UFF name of a TensorFlow data type.

    Raises:
      UffError: UFF has no such type.
    """
    if number not in _DATA_TYPES:
        from tensorflow.core.framework.types_pb2 import DataType

        known = ", ".join(name.removeprefix("DT_").lower() for name in _DATA_TYPES.values())
        name = DataType.Name(number).removeprefix("DT_").lower()
        raise UffError(f"{whose} has the data type {name}, and UFF knows only {known}")
    return _DATA_TYPES[number]


def data_type_or_invalid(number: int) -> str:
    """As `data_type`; what UFF does not know is DT_INVALID."""
    return _DATA_TYPES.get(number, "DT_INVALID")


def array(tensor: TensorProto) -> np.ndarray:
    """The values of a constant."""
    import tensorflow as tf

    return tf.make_ndarray(tensor)


def blob(tensor: TensorProto) -> bytes:
    """The values of a constant: little-endian, in C order, TensorFlow's layout.

    Tensors whose values are listed one by one, perhaps with the last one standing for all the rest, are written out.
    """
    return tensor.tensor_content or array(tensor).tobytes()


def shape(tensor: TensorProto) -> list[int]:
    return [dimension.size for dimension in tensor.tensor_shape.dim]
