"""Read and write videos, frame by frame, with OpenCV."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from todus.detecting.inputs import InputError
from todus.errors import WorldError

USUAL_RATE = 25.0  # frames a second, where a video does not tell
_MOST_RATE = 1000.0
_CODEC = "mp4v"  # MPEG-4 part 2: the one for .mp4 that every build of OpenCV can write
_WHOLE = 0.9  # share of the frames that a whole video has at least: their number may be an estimate


def opencv() -> ModuleType:
    """OpenCV, told not to print what we say ourselves."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # AV_LOG_QUIET
    import cv2

    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    return cv2


def _name(path: Path) -> str:
    """The whole path, so that FFmpeg takes no part of it for a protocol; OpenCV crashes where it is no text."""
    name = str(path.resolve())
    try:
        name.encode()
    except UnicodeEncodeError:
        raise InputError("its path is not UTF-8, and OpenCV takes no other") from None
    return name


class VideoReader:
    """The frames of a video, turned upright as it says of itself.

    rate: frames a second.
    count: how many frames there are, as far as it tells, else None.
    done: how many have been read.

    Raises:
      InputError: it is no video that OpenCV can read.
    """

    def __init__(self, path: Path):
        cv2 = opencv()
        self._to_rgb = lambda frame: cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
        self._capture = cv2.VideoCapture(_name(path), cv2.CAP_FFMPEG)
        if not self._capture.isOpened():
            raise InputError("no video, cut off, or of a kind that OpenCV cannot read")
        rate, count = self._capture.get(cv2.CAP_PROP_FPS), self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self.rate = rate if 0 < rate <= _MOST_RATE else USUAL_RATE
        self.count = int(count) if 0 < count < 2**31 else None
        self.done = 0

    def __iter__(self) -> Iterator[np.ndarray]:
        """Frames, uint8 [height, width, 3], RGB. Raises InputError if there is none."""
        while True:
            is_there, frame = self._capture.read()
            if not is_there:
                break
            self.done += 1
            yield self._to_rgb(frame)
        if not self.done:
            raise InputError("no frame of it can be read")

    def require_whole(self) -> None:
        """Raises InputError if far fewer frames have come than the video says it has."""
        if self.count and self.done < _WHOLE * self.count:
            raise InputError(f"cut off: {self.done:,} of {self.count:,} frames can be read")

    def close(self) -> None:
        self._capture.release()


class VideoWriter:
    """Writes frames to an .mp4 file; of an odd width or height the codec leaves out the last column or row."""

    def __init__(self, path: Path, rate: float):
        self._cv2, self._path, self._rate = opencv(), path, rate
        self._writer = None
        self._written = 0

    def write(self, frame: np.ndarray) -> None:
        """Add a frame, uint8 [height, width, 3], RGB; it takes the size of the first one.

        Raises:
          InputError: frames of this size cannot be written.
        """
        if self._writer is None:
            self._size = frame.shape[1::-1]
            self._writer = self._opened(*self._size)
        if frame.shape[1::-1] != self._size:
            frame = self._cv2.resize(frame, self._size)
        self._writer.write(self._cv2.cvtColor(frame, self._cv2.COLOR_RGB2BGR))
        self._written += 1

    def _opened(self, width: int, height: int) -> Any:
        codec = self._cv2.VideoWriter_fourcc(*_CODEC)
        writer = self._cv2.VideoWriter(_name(self._path), self._cv2.CAP_FFMPEG, codec, self._rate, (width, height))
        if not writer.isOpened():
            raise InputError(f"frames of {width}x{height} pixels cannot be written as a video")
        return writer

    def close(self) -> None:
        if self._writer is not None:
            self._writer.release()

    def require_whole(self) -> None:
        """Raises WorldError if the closed file does not hold what was written: OpenCV does not tell of a full disk."""
        written = self._cv2.VideoCapture(_name(self._path), self._cv2.CAP_FFMPEG)
        count = int(written.get(self._cv2.CAP_PROP_FRAME_COUNT))
        written.release()
        if count != self._written:
            raise WorldError(f"the video could not be written to {self._path.parent}; make room on its disk")
