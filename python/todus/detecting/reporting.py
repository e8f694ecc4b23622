"""The two ways to tell what was found: a line for people, a line of JSON for programs."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from todus import progress
from todus.detecting.results import ImageResult
from todus.picture import Box

MOST_SCORES = 5  # of a category that are told in words


class TextReport:
    """A line for each image; of a video's frames none."""

    def found(self, result: ImageResult) -> None:
        if result.frame is None:
            progress.say(f"{result.image}: {in_words(result.boxes)} ({result.milliseconds:.3g} ms)")

    def failed(self, image: Path, reason: str) -> None:
        progress.say(f"{image}: failed, {reason}")


class JsonReport(TextReport):
    """An object a line on `file`, for each image and each frame; what failed is said to people as well."""

    def __init__(self, file: TextIO):
        self._file = file

    def found(self, result: ImageResult) -> None:
        self._write(as_json(result))

    def failed(self, image: Path, reason: str) -> None:
        self._write({"image": str(image), "error": reason})
        super().failed(image, reason)

    def _write(self, value: Mapping[str, Any]) -> None:
        with contextlib.redirect_stdout(self._file):
            progress.say(json.dumps(value))


def as_json(result: ImageResult) -> dict[str, Any]:
    place = {} if result.frame is None else {"frame": result.frame, "seconds": round(result.seconds, 6)}
    return {
        "image": str(result.image),
        **place,
        "width": result.width,
        "height": result.height,
        "milliseconds": round(result.milliseconds, 3),
        "detections": [{"category": box.name, "score": box.score, "bbox": box.bbox} for box in result.boxes],
    }


def in_words(boxes: Sequence[Box]) -> str:
    """`2 bear 0.91 0.84, 1 horse 0.77`; the category with the best score first."""
    scores: dict[str, list[str]] = {}
    for box in boxes:
        scores.setdefault(box.name, []).append(f"{box.score:.2f}")
    return ", ".join(f"{len(own)} {name} {_few(own)}" for name, own in scores.items()) or "nothing"


def _few(scores: list[str]) -> str:
    return " ".join(scores[:MOST_SCORES]) + (" ..." if len(scores) > MOST_SCORES else "")
