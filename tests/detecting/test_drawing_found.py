"""What was found: in pixels as the evaluation has it, in words, and in lines and captions that fit the picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from todus import picture
from todus.detecting import drawing, found
from todus.detecting.found import Found, Seen
from todus.evaluation import scoring
from todus.evaluation.detectors import Detections

COLOURS = picture.colours_of(["bear"])
GREY = (120, 120, 120)


def detections(*scores: float) -> Detections:
    boxes = np.random.default_rng(0).uniform(0, 0.5, (len(scores), 4)).astype(np.float32)
    boxes[:, 2:] += 0.4
    return Detections(boxes, np.array(scores, np.float32), [("bear", "horse")[i % 2] for i in range(len(scores))])


def test_boxes_are_those_of_the_evaluation() -> None:
    ones = detections(0.9, 0.8, 0.7)
    wanted = scoring.to_results(1, 640, 427, ones, {"bear": 1, "horse": 2})
    got = found.in_pixels(ones, 640, 427, 0.0)
    assert [one.box for one in got] == [result["bbox"] for result in wanted]
    assert [one.score for one in got] == [result["score"] for result in wanted]
    assert [one.category for one in got] == ["bear", "horse", "bear"]


def test_a_score_that_equals_the_threshold_counts() -> None:
    assert len(found.in_pixels(detections(0.9, 0.7, 0.69), 64, 64, 0.7)) == 2  # 0.7 is less in 32 bits than in 64


def test_in_words() -> None:
    ones = [Found("bear", 0.912, []), Found("horse", 0.77, []), Found("bear", 0.84, [])]
    assert found.in_words(ones) == "2 bear 0.91 0.84, 1 horse 0.77"
    assert found.in_words([]) == "nothing"
    assert found.in_words([Found("bear", 0.5, [])] * 30) == "30 bear 0.50 0.50 0.50 0.50 0.50 ..."


def test_as_json() -> None:
    seen = Seen(Path("a/b.jpg"), 64, 48, 12.34567, [Found("bear", 0.5, [1.0, 2.0, 3.0, 4.0])])
    wanted = {"image": "a/b.jpg", "width": 64, "height": 48, "milliseconds": 12.346}
    detected = [{"category": "bear", "score": 0.5, "box": [1.0, 2.0, 3.0, 4.0]}]
    assert seen.as_json() == {**wanted, "detections": detected}
    frame = Seen(Path("film.mp4"), 64, 48, 1.0, [], 5, 0.2).as_json()
    assert (frame["frame"], frame["seconds"], frame["detections"]) == (5, 0.2, [])


def drawn(width: int, height: int, **options: bool) -> tuple[Image.Image, int, int]:
    """A picture with a box in its middle; how wide the line at its left is, and how high its caption, in pixels."""
    ones = [Found("bear", 0.9, [width / 4, height / 4, width / 2, height / 2])]
    image = drawing.draw(Image.new("RGB", (width, height), GREY), ones, COLOURS, **options)
    ours = (np.asarray(image) == COLOURS["bear"]).all(axis=2)
    middle = ours[image.height // 2, : image.width // 2]
    above = ours[: image.height // 4 - 2]
    return image, int(middle.sum()), int(above.any(axis=1).sum())


def test_lines_and_captions_grow_with_the_picture() -> None:
    image, line, caption = drawn(4000, 3000)
    assert image.size == (4000, 3000)
    assert 12 <= line <= 24 and 70 <= caption <= 130
    image, line, caption = drawn(640, 480)
    assert image.size == (640, 480)
    assert 2 <= line <= 4 and 12 <= caption <= 24


def test_a_small_picture_is_enlarged_and_not_covered() -> None:
    image, line, caption = drawn(160, 120)
    assert image.size == (427, 320)
    assert line <= 3 and caption < 320 / 15
    image, _, caption = drawn(160, 120, enlarge=False)
    assert image.size == (160, 120)
    assert caption < 120 / 6


@pytest.mark.parametrize(("size", "wanted"), [((1, 1), (320, 320)), ((10_000, 1), (10_000, 1)), ((1, 100), (6, 640))])
def test_no_shape_makes_a_picture_that_is_too_large(size: tuple[int, int], wanted: tuple[int, int]) -> None:
    assert drawn(*size)[0].size == wanted
