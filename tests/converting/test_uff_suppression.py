"""What is checked of NMS_TRT, whoever made it: its inputs, its settings, and which input is which."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from converting import ssd_graphs
from converting.ssd_graphs import V1
from todus.converting import uff, uff_suppression
from todus.errors import UserError

from uff.schema import MetaGraph, Node


def made(change: Callable[[Node], object] = lambda node: None, generation: str = uff.DEFAULT) -> MetaGraph:
    """A converted v1 whose NMS is changed."""
    meta = ssd_graphs.converted(V1, generation)
    change(ssd_graphs.nodes(meta)["NMS"])
    return meta


def refusal(change: Callable[[Node], object]) -> str:
    with pytest.raises(UserError) as caught:
        uff.checked(made(change).SerializeToString())
    assert "\n" not in str(caught.value)
    return str(caught.value)


def reorder(*order: int) -> Callable[[Node], object]:
    def change(node: Node) -> None:
        node.fields["inputOrder_u_ilist"].i_list.val[:] = order

    return change


@pytest.mark.parametrize("generation", uff.GENERATIONS)
def test_what_is_converted_here_is_beyond_doubt(generation: str) -> None:
    meta = made(generation=generation)
    uff_suppression.require_complete(meta)
    assert list(uff_suppression.doubts(meta)) == []


def test_a_fourth_input_is_refused() -> None:
    assert "has 4 inputs" in refusal(lambda node: node.inputs.append("Input"))


@pytest.mark.parametrize("name", ["topK_u_int", "numClasses_u_int", "inputOrder_u_ilist", "nmsThreshold_u_float"])
def test_a_setting_that_is_not_there_is_named(name: str) -> None:
    assert f"NMS lacks {name.split('_')[0]};" in refusal(lambda node: node.fields.pop(name))


def test_an_order_of_other_places_is_refused() -> None:
    assert "inputOrder [0, 1, 3]" in refusal(reorder(0, 1, 3))


def test_an_order_that_mistakes_one_input_for_another_is_told() -> None:
    (doubt,) = uff_suppression.doubts(made(reorder(1, 0, 2)))
    assert "which are boxes, anchors, scores: inputOrder should be [0, 2, 1] and is [1, 0, 2]" in doubt


def test_inputs_of_unknown_origin_are_not_doubted() -> None:
    def change(node: Node) -> None:
        node.inputs[0] = "Input"
        reorder(1, 0, 2)(node)

    assert list(uff_suppression.doubts(made(change))) == []
