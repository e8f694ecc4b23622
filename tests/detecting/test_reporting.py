"""What was found, in words and as JSON."""

from __future__ import annotations

from pathlib import Path

from todus.detecting import reporting
from todus.detecting.results import ImageResult
from todus.picture import Box


def test_in_words() -> None:
    boxes = [Box([], "bear", 0.912), Box([], "horse", 0.77), Box([], "bear", 0.84)]
    assert reporting.in_words(boxes) == "2 bear 0.91 0.84, 1 horse 0.77"
    assert reporting.in_words([]) == "nothing"
    assert reporting.in_words([Box([], "bear", 0.5)] * 30) == "30 bear 0.50 0.50 0.50 0.50 0.50 ..."


def test_as_json() -> None:
    result = ImageResult(Path("a/b.jpg"), 64, 48, 12.34567, [Box([1.0, 2.0, 3.0, 4.0], "bear", 0.5)])
    wanted = {"image": "a/b.jpg", "width": 64, "height": 48, "milliseconds": 12.346}
    detected = [{"category": "bear", "score": 0.5, "bbox": [1.0, 2.0, 3.0, 4.0]}]
    assert reporting.as_json(result) == {**wanted, "detections": detected}
    frame = reporting.as_json(ImageResult(Path("film.mp4"), 64, 48, 1.0, [], 5, 0.2))
    assert (frame["frame"], frame["seconds"], frame["detections"]) == (5, 0.2, [])
