"""For which TensorRT a .uff file is, told by the settings of its plugins (see uff_plugins.py)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from uff.schema import MetaGraph

VERSIONS = {"trt5": "TensorRT 5.1 and 6", "trt7": "TensorRT 7", "trt8": "TensorRT 8"}
FLATTEN, SUPPRESSION = "_FlattenConcat_TRT", "_NMS_TRT"
_OF_TODUS = "AnchorInput"  # the node that uff_plugins.py gives GridAnchor_TRT for an input


def of(meta: MetaGraph) -> str | None:
    """trt5, trt7 or trt8; None of a file that does not have both plugins by which these differ."""
    nodes = meta.graphs[0].nodes
    flatten, suppression = (
        [node for node in nodes if node.operation == operation] for operation in (FLATTEN, SUPPRESSION)
    )
    if not flatten or not suppression:
        return None
    if any("axis_u_int" not in node.fields for node in flatten):
        return "trt5"
    return "trt8" if all("scoreBits_u_int" in node.fields for node in suppression) else "trt7"


def needs_plugin(meta: MetaGraph) -> bool:
    """Whether FlattenConcat_TRT has to be built and loaded first: TensorRT 5 and 6 have none of their own."""
    return of(meta) == "trt5"


def is_by_script(meta: MetaGraph) -> bool:
    """Whether a script of the user's prepared the graph (CONFIG), and not Todus."""
    return all(node.id != _OF_TODUS for node in meta.graphs[0].nodes)
