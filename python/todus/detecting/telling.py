"""The two ways to tell what was found: a line for people, a line of JSON for programs."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from todus import progress
from todus.detecting.found import Seen, in_words


class Lines:
    """A line for each image; of a video's frames none."""

    def seen(self, seen: Seen) -> None:
        if seen.frame is None:
            progress.say(f"{seen.image}: {in_words(seen.found)} ({seen.milliseconds:.3g} ms)")

    def failed(self, image: Path, reason: str) -> None:
        progress.say(f"{image}: failed, {reason}")


class JsonLines(Lines):
    """An object a line on `file`, for each image and each frame; what failed is said to people as well."""

    def __init__(self, file: TextIO):
        self._file = file

    def seen(self, seen: Seen) -> None:
        self._write(seen.as_json())

    def failed(self, image: Path, reason: str) -> None:
        self._write({"image": str(image), "error": reason})
        super().failed(image, reason)

    def _write(self, value: Mapping[str, Any]) -> None:
        with contextlib.redirect_stdout(self._file):
            progress.say(json.dumps(value))
