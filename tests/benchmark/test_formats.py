"""Which formats GRAPH names, and in which order they take turns; reasons in few words."""

from __future__ import annotations

import pytest

from todus.benchmark import formats, reasons, timing
from todus.errors import UserError

NAMES = ["pretrained", "exported", "saved-model", "float32", "float16", "dynamic", "int8", "uint8", "onnx", "uff"]


def test_all_formats_unless_some_are_named():
    assert [one.name for one in formats.choose("")] == NAMES
    assert [one.name for one in formats.choose("onnx, pretrained")] == ["pretrained", "onnx"]
    assert [one.name for one in formats.choose("tflite exported")] == ["exported", *NAMES[3:8]]


def test_an_unknown_format_is_named_with_those_there_are():
    with pytest.raises(UserError, match=r"GRAPH=best coreml: .*saved-model.*uff.*leave GRAPH away"):
        formats.choose("onnx coreml best")


def test_in_every_round_each_has_its_turn_and_over_the_rounds_each_place():
    rounds = [timing.turns(["a", "b", "c"], number)[0] for number in range(4)]
    assert rounds == [["a", "b", "c"], ["b", "c", "a"], ["c", "a", "b"], ["a", "b", "c"]]


@pytest.mark.parametrize("names", ["abc", "abcd"])
def test_from_every_place_either_half_comes_first_as_often(names: str):
    orders = [timing.turns(names, number) for number in range(2 * len(names))]
    seen = sorted((order.index("a"), heads_first) for order, heads_first in orders)
    assert seen == [(place, first) for place in range(len(names)) for first in (False, True)]


@pytest.mark.parametrize(
    ("error", "whole", "few"),
    [
        (UserError("needs QUANTIZE=1; run: make model"), "needs QUANTIZE=1; run: make model", "needs QUANTIZE=1"),
        (
            UserError("this model cannot be written as ONNX: r_fcn has two stages, and only SSDs can be; take an SSD"),
            "r_fcn has two stages, and only SSDs can be; take an SSD",
            "r_fcn has two stages, and only SSDs can be",
        ),
        (
            UserError("this model cannot be exported for TensorFlow Lite: it has two, and that is much more than one"),
            "it has two, and that is much more than one",
            "it has two, and that is much more than one",
        ),
        (ValueError("bad\nworse"), "ValueError: bad", "ValueError: bad"),
        (UserError("x" * 60), "x" * 60, "x" * 43 + "\u2026"),
    ],
)
def test_reasons(error: Exception, whole: str, few: str):
    assert (reasons.of(error), reasons.short(whole)) == (whole, few)
