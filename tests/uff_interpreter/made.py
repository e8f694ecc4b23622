"""Small .uff files in memory."""

from __future__ import annotations

import numpy as np

from uff_interpreter import structure
from uff_interpreter.uff_file import DTYPES, Data, Node, UffFile

_NUMBERS = {np.dtype(dtype): number for number, dtype in DTYPES.items()}
FLOAT32 = _NUMBERS[np.dtype(np.float32)]


def node(name: str, operation: str, *inputs: str, **fields: Data) -> Node:
    return Node(name, operation, list(inputs), fields)


def window(orders: str = "orders_N+C_+CK", same: bool = True, strides: tuple = (1, 1), **more: Data) -> dict[str, Data]:
    """The fields of a convolution, or of a pool."""
    padding = {"implicit_padding": Data("s", "same")} if same else {}
    return {"inputs_orders": Data("ref", orders), "strides": Data("i_list", list(strides)), **padding, **more}


def file(*nodes: Node, constants: dict[str, np.ndarray], image: tuple[int, ...] = (1, 3, 8, 8)) -> UffFile:
    """A whole file: an Input called Input, `nodes`, `constants`, all that they refer to, and the last node marked."""
    everything = [
        node("Input", "Input", dtype=Data("dtype", FLOAT32), shape=Data("i_list", list(image))),
        *(_constant(name, values) for name, values in constants.items()),
        *nodes,
        node("MarkOutput_0", "MarkOutput", nodes[-1].id),
    ]
    referenced = {f"weights_{name}": Data("blob", values.tobytes()) for name, values in constants.items()}
    for each in nodes:
        if "inputs_orders" in each.fields:
            name = each.fields["inputs_orders"].value
            referenced[name] = Data("dim_orders_list", structure.ORDERS[name])
    custom = [structure.CUSTOM] if any(each.operation.startswith("_") for each in nodes) else []
    return UffFile(1, 1, [*structure.DESCRIPTORS, *custom], {"main": everything}, referenced)


def _constant(name: str, values: np.ndarray) -> Node:
    fields = {"dtype": Data("dtype", _NUMBERS[values.dtype]), "shape": Data("i_list", list(values.shape))}
    return node(name, "Const", **fields, values=Data("ref", f"weights_{name}"))
