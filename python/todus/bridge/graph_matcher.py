"""Find subgraphs by the types of their operations.

The part of tf.contrib.quantize's graph_matcher that the API's exporter calls by these names; Todus's own rewriter of
graphs for quantization uses it too. A pattern is a tree: its root is the last operation of the subgraph, its leaves
are what the subgraph begins with.

    layer = OpTypePattern("Conv2D|MatMul", inputs=["*", "Identity"])
    for match in GraphMatcher(OpTypePattern("Relu6", inputs=[layer])).match_graph(graph):
        match.get_op(layer)
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tensorflow.compat.v1 as tf


class MatchResult:
    """Which operation stands where a pattern does, and which of its outputs the next operation of the match takes."""

    def __init__(self, found: dict[Pattern, tuple[tf.Operation, tf.Tensor | None]]):
        self._found = found

    def get_op(self, pattern: Pattern) -> tf.Operation | None:
        """The operation that matches `pattern`; None where the match goes without it."""
        return self._found[pattern][0] if pattern in self._found else None

    def get_tensor(self, pattern: Pattern) -> tf.Tensor | None:
        """The tensor that leads from there to the next operation; None at the root, or where there is no match."""
        return self._found[pattern][1] if pattern in self._found else None


class Pattern:
    """What `match` gives is a dict from pattern to (operation, tensor) of all that matches, or None."""

    def match(self, op: tf.Operation, tensor: tf.Tensor | None) -> dict | None:
        raise NotImplementedError


class OpTypePattern(Pattern):
    """An operation of one of the types in `op_type` (`Conv2D|MatMul`; `*` is any), with matching inputs.

    Args:
      inputs: a pattern, or such a string, for each input; none are looked at where this is left out.
      ordered_inputs: whether they have to be in this order.
    """

    def __init__(self, op_type: str, inputs: Sequence[Pattern | str] = (), ordered_inputs: bool = True):
        self._types = op_type.split("|")
        self._inputs = [OpTypePattern(each) if isinstance(each, str) else each for each in inputs]
        self._orders = [self._inputs] if ordered_inputs else list(itertools.permutations(self._inputs))

    def match(self, op: tf.Operation, tensor: tf.Tensor | None) -> dict | None:
        if self._types != ["*"] and op.type not in self._types:
            return None
        if not self._inputs:
            return {self: (op, tensor)}
        if len(op.inputs) != len(self._inputs):
            return None
        orders = (_match_each(patterns, op.inputs) for patterns in self._orders)
        inputs = next((found for found in orders if found is not None), None)
        return None if inputs is None else {self: (op, tensor), **inputs}


def _match_each(patterns: Iterable[Pattern], tensors: Iterable[tf.Tensor]) -> dict | None:
    found = {}
    for pattern, tensor in zip(patterns, tensors, strict=True):
        matched = pattern.match(tensor.op, tensor)
        if matched is None:
            return None
        found.update(matched)
    return found


class OneofPattern(Pattern):
    """The first of several patterns that matches."""

    def __init__(self, sub_patterns: Sequence[Pattern]):
        self._patterns = list(sub_patterns)

    def match(self, op: tf.Operation, tensor: tf.Tensor | None) -> dict | None:
        matches = (pattern.match(op, tensor) for pattern in self._patterns)
        return next((found for found in matches if found is not None), None)


class GraphMatcher:
    """Finds the subgraphs that match a pattern."""

    def __init__(self, pattern: Pattern):
        self._pattern = pattern

    def match_op(self, op: tf.Operation) -> MatchResult | None:
        """The match whose root is `op`."""
        found = self._pattern.match(op, None)
        return None if found is None else MatchResult(found)

    def match_graph(self, graph: tf.Graph) -> Iterator[MatchResult]:
        """All matches in `graph` as it is now, in the order in which their roots were made."""
        return (match for op in graph.get_operations() if (match := self.match_op(op)))
