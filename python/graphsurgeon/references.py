"""What the inputs of a node say: `name`, `name:1` for its second output, `^name` for "run that one before"."""

from __future__ import annotations


def node_name(reference: str) -> str:
    """The name of the node that a reference means."""
    return reference.removeprefix("^").partition(":")[0]


def is_control(reference: str) -> bool:
    """Whether a reference only orders execution and carries no data."""
    return reference.startswith("^")


def as_control(reference: str) -> str:
    return f"^{node_name(reference)}"
