"""What an operation of TensorFlow becomes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from uff.schema import Data
from uff.source import Source

if TYPE_CHECKING:
    from tensorflow.core.framework.node_def_pb2 import NodeDef


@dataclass
class Converted:
    """A node of UFF. `inputs` are nodes of TensorFlow; `blob` are the values of a constant."""

    operation: str
    inputs: list[NodeDef]
    fields: dict[str, Data] = field(default_factory=dict)
    blob: bytes | None = None


# Raises UffError where UFF has the operation, but not the way it is used.
Converter = Callable[["NodeDef", Source], Converted]


def weights_key(node_name: str) -> str:
    """Where the values of a constant are found in referenced_data."""
    return f"weights_{node_name}"
