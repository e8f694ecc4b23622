"""Which formats GRAPH names, and in which order they and the images take turns; reasons in few words."""

from __future__ import annotations

from pathlib import Path

import pytest

from todus.benchmark import benchmark, formats, timing
from todus.bridge.graph_mode import tf
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


def test_the_first_images_are_from_all_over_the_set_and_the_same_each_time():
    images = [Path(f"{number:04d}.jpg") for number in range(1000)]
    timed = benchmark.to_time(images)
    assert timed == benchmark.to_time(images)
    assert sorted(timed) == images[::10]
    thirds = {int(image.stem) * 3 // 1000 for image in timed[: timing.FEWEST_ROUNDS // 3]}
    assert thirds == {0, 1, 2}


def test_what_a_runtime_refuses_is_a_reason_and_a_full_disk_or_a_bug_is_none():
    of_a_row = (UserError("no"), ValueError("no"), tf.errors.InvalidArgumentError(None, None, "no"))
    assert all(isinstance(error, formats.failures()) for error in of_a_row)
    assert not any(isinstance(error, formats.failures()) for error in (OSError(28, "full"), KeyError("bug")))


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
    assert (formats.reason(error), formats.in_few_words(whole)) == (whole, few)
