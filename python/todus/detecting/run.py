"""Take pictures or a video through a detector: tell what was found, and draw it."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from todus import progress
from todus.captions import Colour
from todus.detecting import drawing, found, outputs, photo
from todus.detecting.found import Seen
from todus.detecting.inputs import InputError
from todus.detecting.telling import Lines
from todus.detecting.timed_detector import TimedDetector
from todus.detecting.video import VideoReader, VideoWriter


@dataclass
class Tally:
    """What a run comes to.

    milliseconds: of each image or frame, that of the detector alone.
    detections: how many of each category.
    failed: how many pictures, videos and folders could not be used.
    made: the files that were written. bytes: of these together.
    """

    milliseconds: list[float] = field(default_factory=list)
    detections: Counter[str] = field(default_factory=Counter)
    failed: int = 0
    made: list[Path] = field(default_factory=list)
    bytes: int = 0


class Run:
    """`photos` and `video` take what they are given through `detector`, and count in `tally`.

    threshold: the least score that counts.
    targets: for each picture or video the file to write it to with its boxes; nothing is drawn of others.
    """

    def __init__(
        self,
        detector: TimedDetector,
        threshold: float,
        colours: Mapping[str, Colour],
        targets: Mapping[Path, Path],
        tell: Lines,
    ):
        self._detector, self._threshold, self._colours = detector, threshold, colours
        self._targets, self._tell = targets, tell
        self.tally = Tally()

    def photos(self, paths: Iterable[Path]) -> None:
        """One after the other; whatever is wrong with one, the others go on."""
        paths = list(paths)
        with progress.Progress("detect", len(paths), "image") as bar:
            for path in paths:
                with self._telling_failure(path):
                    self._photo(path)
                bar.advance()

    def _photo(self, path: Path) -> None:
        image = photo.read(path)
        seen = self._see(np.asarray(image), path)
        self._tell.seen(seen)
        if path in self._targets:
            drawn = drawing.draw(image, seen.found, self._colours)
            self._made(self._targets[path], outputs.save(drawn, self._targets[path]))

    def video(self, path: Path) -> None:
        """Frame by frame. Of one that is cut off, what can be read is drawn."""
        with self._telling_failure(path), contextlib.closing(VideoReader(path)) as frames:
            if path in self._targets:
                self._draw_video(path, frames)
            else:
                for _ in self._frames(path, frames):
                    pass
            frames.require_whole()

    def _draw_video(self, path: Path, frames: VideoReader) -> None:
        target = self._targets[path]
        with outputs.video_file(target) as file:
            with contextlib.closing(VideoWriter(file, frames.rate)) as writer:
                for frame, seen in self._frames(path, frames):
                    drawn = drawing.draw(Image.fromarray(frame), seen.found, self._colours, enlarge=False)
                    writer.write(np.asarray(drawn))
            writer.require_whole()
        self._made(target, target.stat().st_size)

    def _frames(self, path: Path, frames: VideoReader) -> Iterator[tuple[np.ndarray, Seen]]:
        """Each frame with what was found in it."""
        with progress.Progress("detect", frames.count, "frame") as bar:
            for number, frame in enumerate(frames):
                seen = self._see(frame, path, number, number / frames.rate)
                self._tell.seen(seen)
                yield frame, seen
                bar.advance()

    def _see(self, pixels: np.ndarray, path: Path, *place: float) -> Seen:
        detections, milliseconds = self._detector(pixels)
        height, width = pixels.shape[:2]
        seen = Seen(
            path, width, height, milliseconds, found.in_pixels(detections, width, height, self._threshold), *place
        )
        self.tally.milliseconds.append(milliseconds)
        self.tally.detections.update(one.category for one in seen.found)
        return seen

    @contextlib.contextmanager
    def _telling_failure(self, path: Path) -> Iterator[None]:
        try:
            yield
        except InputError as error:
            self.failed(path, str(error))

    def failed(self, path: Path, reason: str) -> None:
        self.tally.failed += 1
        self._tell.failed(path, reason)

    def _made(self, target: Path, size: int) -> None:
        self.tally.made.append(target)
        self.tally.bytes += size
