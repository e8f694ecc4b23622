"""Read and write videos, frame by frame, with OpenCV."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from todus import progress
from todus.detecting.results import InputError
from todus.errors import WorldError

USUAL_RATE = 25.0  # frames a second, where nothing tells
CLOCK_RATE = 240.0  # from here on, it is more often the clock of the file than the rate of its frames
_SLOWEST, _FASTEST = 0.01, 1000.0  # frames a second
_CODEC = "mp4v"  # MPEG-4 part 2: the one for .mp4 that every build of OpenCV can write
_WHOLE = 0.9  # share of the frames that a whole video has at least: their number may be an estimate
_BEGINNING = 4096  # bytes; those of a video have zeros among them, those of a text have none


def opencv() -> ModuleType:
    """OpenCV, told not to print what we say ourselves."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # AV_LOG_QUIET
    import cv2

    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    return cv2


def is_video(path: Path) -> bool:
    """Whether OpenCV can open it. Text is no video, although FFmpeg shows some as one."""
    with path.open("rb") as file:
        if b"\0" not in file.read(_BEGINNING):
            return False
    try:
        _opened(path).release()
    except InputError:
        return False
    return True


class VideoReader:
    """The frames of a video, turned upright as it says of itself.

    A rate of CLOCK_RATE and more, or none, is not believed: the video is gone through once, and its frames counted.

    rate: frames a second, as the video tells; the mean of those that were counted.
    count: how many frames there are, as far as it tells, else None.
    done: how many have been read.
    seconds: the time of the one that was read last.

    Raises:
      InputError: it is no video that OpenCV can read.
    """

    def __init__(self, path: Path):
        self._cv2, self._capture = opencv(), _opened(path)
        rate, count = (self._capture.get(what) for what in (self._cv2.CAP_PROP_FPS, self._cv2.CAP_PROP_FRAME_COUNT))
        if 0 < rate < CLOCK_RATE:
            self.rate, self.count = rate, int(count) if 0 < count < 2**31 else None
        else:
            self.rate, self.count = _measured(path)
        self.done, self.seconds = 0, 0.0

    def __iter__(self) -> Iterator[np.ndarray]:
        """Frames, uint8 [height, width, 3], RGB. Raises InputError if there is none."""
        while True:
            is_there, frame = self._capture.read()
            if not is_there:
                break
            self._note_time()
            self.done += 1
            yield self._cv2.cvtColor(frame, self._cv2.COLOR_BGR2RGB)
        if not self.done:
            raise InputError("no frame of it can be read")

    def _note_time(self) -> None:
        told = self._capture.get(self._cv2.CAP_PROP_POS_MSEC) / 1000
        if self.done and not told > self.seconds:  # not every frame has a time in every kind of file
            told = self.seconds + 1 / self.rate
        self.seconds = max(0.0, told)

    def require_whole(self) -> None:
        """Raises InputError if far fewer frames have come than the video says it has, in far less time."""
        if not self.count or self.done >= _WHOLE * self.count:
            return
        if self.seconds < _WHOLE * self.count / self.rate:  # else the rate varies, and the count is its guess
            raise InputError(f"cut off: {self.done:,} of {self.count:,} frames can be read")

    def close(self) -> None:
        self._capture.release()


def _opened(path: Path) -> Any:
    """OpenCV's reader of the video."""
    cv2 = opencv()
    capture = cv2.VideoCapture(_name(path), cv2.CAP_FFMPEG)
    if not capture.isOpened():
        raise InputError("no video, cut off, or of a kind that OpenCV cannot read")
    return capture


def _name(path: Path) -> str:
    """The whole path, so that FFmpeg takes no part of it for a protocol; OpenCV crashes where it is no text."""
    name = str(path.resolve())
    try:
        name.encode()
    except UnicodeEncodeError:
        raise InputError("its path is not UTF-8, and OpenCV takes no other") from None
    return name


def _measured(path: Path) -> tuple[float, int]:
    """Frames a second, the mean, and how many frames there are, from the times of all of them."""
    capture, clock = _opened(path), opencv().CAP_PROP_POS_MSEC
    times = []
    with progress.Progress("look for the frame rate", None, "frame") as bar:
        while capture.grab():
            times.append(capture.get(clock) / 1000)
            bar.advance()
    capture.release()
    span = max(times) - times[0] if times else 0.0
    rate = (len(times) - 1) / span if span > 0 else USUAL_RATE
    return (rate if _SLOWEST <= rate <= _FASTEST else USUAL_RATE), len(times)


class VideoWriter:
    """Writes frames to an .mp4 file; of an odd width or height the codec leaves out the last column or row.

    rate: frames a second; what MPEG-4 cannot express is rounded.
    """

    def __init__(self, path: Path, rate: float):
        self._cv2, self._path, self._rate = opencv(), path, _expressible(rate)
        self._writer: Any = None
        self._size = (0, 0)
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
            raise InputError(
                f"{self._path} cannot be written as a video of {width}x{height} pixels, {self._rate:g} frames a second"
            )
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


def _expressible(rate: float) -> float:
    """The nearest rate that MPEG-4 has: OpenCV makes a fraction of it, in thousandths, and neither of its numbers may
    be above 65,535 (ISO/IEC 14496-2, 6.3.3, vop_time_increment_resolution: 16 bits)."""
    digits = 3 if rate < 65 else 2 if rate < 650 else 0
    return max(_SLOWEST, round(rate, digits))
