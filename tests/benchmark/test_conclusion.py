"""The sentence that answers whether fewer categories made it faster, for every outcome."""

from __future__ import annotations

from todus.benchmark.conclusion import conclusion
from todus.benchmark.figures import Figures, Speed

PRETRAINED = Figures(14.9, 20.0, 9.3, 5.6, Speed(1.0, 1.0, 1.0))
CUT = (90, 4)


def limited(median: float, ratio: float, low: float, high: float, heads: float | None = 9.2) -> Figures:
    return Figures(median, 2 * median, heads, None if heads is None else median - heads, Speed(ratio, low, high))


def test_faster():
    assert conclusion(CUT, PRETRAINED, limited(11.2, 1.33, 1.30, 1.36), {}) == (
        "Did fewer categories make it faster? Yes: 90 -> 4 categories took an image from 14.9 to 11.2 ms (1.33 x, "
        "95 % interval 1.30-1.36): post-processing from 5.6 to 2.0 ms, backbone and head from 9.3 to 9.2."
    )


def test_a_little_faster():
    said = conclusion(CUT, PRETRAINED, limited(14.6, 1.02, 1.01, 1.03), {})
    assert "faster? Yes, a little: 90 -> 4 categories took an image from 14.9 to 14.6 ms" in said


def test_slower():
    said = conclusion(CUT, PRETRAINED, limited(16.0, 0.93, 0.90, 0.96), {})
    assert "faster? No, it is slower: 90 -> 4 categories took an image from 14.9 to 16.0 ms (0.93 x" in said


def test_not_measurably():
    said = conclusion(CUT, PRETRAINED, limited(14.8, 1.01, 0.98, 1.03), {})
    assert "faster? Not measurably: with 90 -> 4 categories an image takes 14.8 ms instead of 14.9 (1.01 x" in said


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


def test_without_the_pretrained_graph_nothing_is_said():
    assert conclusion(CUT, None, limited(11.2, 1.33, 1.30, 1.36), {}) == ""
    assert conclusion(CUT, PRETRAINED, None, {}) == ""


def test_a_model_that_was_not_cut_answers_another_question():
    said = conclusion((90, 90), PRETRAINED, limited(14.9, 1.0, 0.99, 1.01), {})
    assert said.startswith("No categories were cut: both frozen graphs have 90.")
