"""Check the NMS_TRT nodes of a .uff file before it goes to a device, where mistakes show as wrong boxes or a crash.

The plugin's own code (NVIDIA/TensorRT release/8.2, plugin/nmsPlugin, Apache-2.0): three inputs, of which inputOrder
gives the places of boxes, scores and anchors, in this order.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from todus.errors import UserError

if TYPE_CHECKING:
    from uff.schema import MetaGraph, Node

OPERATION = "_NMS_TRT"
_ORDER = "inputOrder_u_ilist"
_REQUIRED = ("numClasses_u_int", "topK_u_int", "keepTopK_u_int", "confidenceThreshold_u_float",
             "nmsThreshold_u_float", _ORDER)  # fmt: skip
_BOXES, _SCORES, _ANCHORS = "boxes", "scores", "anchors"
_BEGINNINGS = (("BoxEncodingPredictor", _BOXES), ("ClassPredictor", _SCORES))


def require_complete(meta: MetaGraph) -> None:
    """Raises UserError if an NMS_TRT has not its three inputs or not the settings without which it cannot work."""
    for node in meta.graphs[0].nodes:
        if node.operation == OPERATION:
            _require_complete(node)


def _require_complete(node: Node) -> None:
    if len(node.inputs) != 3:
        raise UserError(
            f"{node.id} has {len(node.inputs)} inputs ({', '.join(node.inputs) or 'none'}), NMS_TRT takes three: "
            "boxes, scores and anchors; let the script leave it these"
        )
    missing = [name.split("_u_")[0] for name in _REQUIRED if name not in node.fields]
    if missing:
        raise UserError(
            f"{node.id} lacks {', '.join(missing)}; give what NMS_TRT needs in create_plugin_node, numbers with a "
            "fraction as such (0.0, not 0)"
        )
    order = list(node.fields[_ORDER].i_list.val)
    if sorted(order) != [0, 1, 2]:
        raise UserError(f"{node.id} has inputOrder {order}; it is to have the places 0, 1 and 2 of its three inputs")


def doubts(meta: MetaGraph) -> Iterator[str]:
    """Where inputOrder is not the places of boxes, scores and anchors, as far as these can be told from the graph."""
    nodes = {node.id: node for node in meta.graphs[0].nodes}
    for node in nodes.values():
        if node.operation == OPERATION:
            kinds = [_kind(nodes, name) for name in node.inputs]
            given = list(node.fields[_ORDER].i_list.val)
            if set(kinds) == {_BOXES, _SCORES, _ANCHORS}:
                order = [kinds.index(kind) for kind in (_BOXES, _SCORES, _ANCHORS)]
                if order != given:
                    yield (
                        f"{node.id} takes {', '.join(node.inputs)}, which are {', '.join(kinds)}: inputOrder should be "
                        f"{order} and is {given}; detections will be wrong"
                    )


def _kind(nodes: dict[str, Node], name: str) -> str | None:
    """What an input of NMS_TRT comes from; None where that is not a single kind."""
    found, seen, waiting = set(), set(), [name]
    while waiting:
        current = nodes.get(waiting.pop())
        if current is None or current.id in seen or current.operation == "Shape":
            continue
        seen.add(current.id)
        kind = _own_kind(current)
        if kind:
            found.add(kind)
        else:
            waiting.extend(current.inputs)
    return found.pop() if len(found) == 1 else None


def _own_kind(node: Node) -> str | None:
    if node.operation.startswith("_GridAnchor"):
        return _ANCHORS
    return next((kind for beginning, kind in _BEGINNINGS if beginning in node.id), None)
