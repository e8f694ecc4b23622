"""The sentence that answers whether fewer categories made it faster, for every outcome."""

from __future__ import annotations

from todus.benchmark import figures
from todus.benchmark.figures import Figures, Speed

PRETRAINED = Figures(14.9, 20.0, 9.3, 5.6, Speed(1.0, 1.0, 1.0))
CUT = (90, 4)


def limited(median: float, ratio: float, low: float, high: float, heads: float | None = 9.2) -> Figures:
    return Figures(median, 2 * median, heads, None if heads is None else median - heads, Speed(ratio, low, high))


def conclusion(classes: tuple[int, int], *arguments: object) -> str:
    return figures.conclusion(classes, (False, False), *arguments)


def test_faster():
    assert conclusion(CUT, PRETRAINED, limited(11.2, 1.33, 1.30, 1.36), {}) == (
        "Did fewer categories make it faster? Yes: 90 -> 4 classes took an image from 14.9 to 11.2 ms (1.33 x, "
        "95 % interval 1.30-1.36): post-processing from 5.6 to 2.0 ms, backbone and head from 9.3 to 9.2."
    )


def test_a_little_faster():
    said = conclusion(CUT, PRETRAINED, limited(14.6, 1.02, 1.01, 1.03), {})
    assert "faster? Yes, a little: 90 -> 4 classes took an image from 14.9 to 14.6 ms" in said


def test_slower():
    said = conclusion(CUT, PRETRAINED, limited(16.0, 0.93, 0.90, 0.96), {})
    assert "faster? No, it is slower: 90 -> 4 classes took an image from 14.9 to 16.0 ms (0.93 x" in said


def test_not_measurably():
    said = conclusion(CUT, PRETRAINED, limited(14.8, 1.01, 0.98, 1.03), {})
    assert "faster? Not measurably: with 90 -> 4 classes an image takes 14.8 ms instead of 14.9 (1.01 x" in said


def test_parts_that_cannot_be_told_apart_are_left_out():
    said = conclusion(CUT, PRETRAINED, limited(11.2, 1.33, 1.30, 1.36, heads=None), {})
    assert said.endswith("95 % interval 1.30-1.36).")


def test_another_format_that_brings_more_is_named():
    others = {
        "SavedModel": limited(11.0, 1.34, 1.31, 1.37),
        "TFLite int8": limited(3.1, 4.81, 4.70, 4.90),
        "ONNX": limited(5.0, 2.98, 2.90, 3.10),
    }
    said = conclusion(CUT, PRETRAINED, limited(11.2, 1.33, 1.30, 1.36), others)
    assert said.endswith("9.2. The fastest format here is TFLite int8: 3.1 ms, 4.8 x.")


def test_a_format_that_is_as_fast_within_the_noise_is_not_praised():
    said = conclusion(CUT, PRETRAINED, limited(11.2, 1.33, 1.30, 1.36), {"SavedModel": limited(11.0, 1.34, 1.31, 1.37)})
    assert said.endswith("No other format here is measurably faster.")


def test_the_format_that_is_surely_the_fastest_is_named_and_not_one_that_was_lucky():
    others = {"ONNX": limited(3.0, 5.0, 2.0, 9.0), "TFLite int8": limited(4.0, 3.7, 3.6, 3.8)}
    said = conclusion(CUT, PRETRAINED, limited(11.2, 1.33, 1.30, 1.36), others)
    assert (
        "The fastest formats here, by as much as can be told, are TFLite int8 and ONNX: 3.0-4.0 ms, 3.7-5.0 x." in said
    )


def test_formats_that_are_as_fast_as_each_other_are_named_together():
    others = {
        "SavedModel": limited(11.0, 1.34, 1.31, 1.37),
        "TFLite float32": limited(1.1, 13.5, 13.1, 13.9),
        "TFLite float16": limited(1.1, 13.4, 13.2, 13.6),
        "TFLite dynamic": limited(1.2, 13.0, 12.0, 13.3),
    }
    said = conclusion(CUT, PRETRAINED, limited(11.2, 1.33, 1.30, 1.36), others)
    assert said.endswith("are TFLite float16, TFLite float32 and TFLite dynamic: 1.1-1.2 ms, 13.0-13.5 x.")


def test_a_faster_format_is_named_though_the_pretrained_graph_is_faster_still():
    said = conclusion(CUT, PRETRAINED, limited(30.0, 0.50, 0.49, 0.51), {"ONNX": limited(20.0, 0.75, 0.74, 0.76)})
    assert said.endswith("The fastest format here is ONNX: 20.0 ms, 0.8 x.")


def test_fake_quantization_of_one_of_the_two_is_told():
    of_the_limited = figures.conclusion(CUT, (False, True), PRETRAINED, limited(16.0, 0.93, 0.90, 0.96), {})
    assert of_the_limited.endswith(
        "That is not the doing of the categories alone: the limited graph has fake quantization, the pretrained one "
        "has none."
    )
    of_the_zoo = figures.conclusion(CUT, (True, False), PRETRAINED, limited(11.2, 1.33, 1.30, 1.36), {})
    assert "the pretrained graph has fake quantization, the limited one has none." in of_the_zoo
    of_both = figures.conclusion(CUT, (True, True), PRETRAINED, limited(11.2, 1.33, 1.30, 1.36), {})
    assert "fake" not in of_both


def test_without_the_pretrained_graph_nothing_is_said():
    assert conclusion(CUT, None, limited(11.2, 1.33, 1.30, 1.36), {}) == ""
    assert conclusion(CUT, PRETRAINED, None, {}) == ""


def test_a_model_that_was_not_cut_answers_another_question():
    said = conclusion((90, 90), PRETRAINED, limited(14.9, 1.0, 0.99, 1.01), {})
    assert said.startswith("No categories were cut: both frozen graphs have 90 classes.")
