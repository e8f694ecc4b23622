"""What a test sees of a .uff file: plain values."""

from __future__ import annotations

from typing import Any

import uff
from uff.schema import DATA_TYPES, MetaGraph

_TYPE_NAMES = {number: name for name, number in DATA_TYPES.items()}


def converted(graph: Any, outputs: list[str], **options: Any) -> Any:
    """The MetaGraph of a TensorFlow graph."""
    return MetaGraph.FromString(uff.from_tensorflow(graph, outputs, quiet=True, **options))


def nodes(meta: Any) -> dict[str, Any]:
    return {node.id: node for node in meta.graphs[0].nodes}


def fields(node: Any) -> dict[str, Any]:
    return {name: plain(value) for name, value in node.fields.items()}


def plain(data: Any) -> Any:
    """`("i", 3)` and the like: the kind matters to TensorRT's parser."""
    kind = data.WhichOneof("data_oneof")
    value = getattr(data, kind)
    if kind == "dtype":
        return kind, _TYPE_NAMES[value]
    if kind == "dtype_list":
        return kind, [_TYPE_NAMES[number] for number in value.val]
    if kind == "dim_orders_list":
        return kind, [{key: list(order.val) for key, order in orders.orders.items()} for orders in value.val]
    return kind, list(value.val) if kind.endswith("_list") else value
