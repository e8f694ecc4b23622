"""Take images or a video through a detector: draw what was found, and tell it."""

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
from todus.detecting import drawing, image_file, outputs
from todus.detecting.reporting import TextReport
from todus.detecting.results import ImageResult, InputError, TimedDetector, boxes_from
from todus.detecting.video import VideoReader, VideoWriter


@dataclass
class Tally:
    """What a run comes to.

    milliseconds: of each image or frame, that of the detector alone.
    detections: how many of each category.
    failed: how many images, videos and folders could not be used.
    made: how many files were written. bytes: of these together. last_made: the last of them.
    """

    milliseconds: list[float] = field(default_factory=list)
    detections: Counter[str] = field(default_factory=Counter)
    failed: int = 0
    made: int = 0
    bytes: int = 0
    last_made: Path | None = None


class Run:
    """`images` and `video` take what they are given through `detector`, and count in `tally`.

    threshold: the least score that counts.
    targets: for each image or video the file to write it to with its boxes; nothing is drawn of others.
    """

    def __init__(
        self,
        detector: TimedDetector,
        threshold: float,
        colours: Mapping[str, Colour],
        targets: Mapping[Path, Path],
        report: TextReport,
    ):
        self._detector, self._threshold, self._colours = detector, threshold, colours
        self._targets, self._report = targets, report
        self.tally = Tally()

    def images(self, paths: Iterable[Path]) -> None:
        """One after the other; what cannot be used is told of."""
        paths = list(paths)
        with progress.Progress("detect", len(paths), "image") as bar:
            for path in paths:
                with self._telling_failure(path):
                    self._image(path)
                bar.advance()

    def _image(self, path: Path) -> None:
        image = image_file.read(path)
        result = self._detect(np.asarray(image), path)
        if path in self._targets:
            drawn = drawing.draw(image, result.boxes, self._colours)
            self._made(self._targets[path], outputs.save(drawn, self._targets[path]))
        self._found(result)  # last, for by then nothing can fail any more

    def video(self, path: Path) -> None:
        """Frame by frame. Of one that is cut off, what can be read is drawn."""
        with self._telling_failure(path), contextlib.closing(VideoReader(path)) as frames:
            if path in self._targets:
                self._draw_video(path, frames)
            else:
                for _, result in self._results(path, frames):
                    self._found(result)
            frames.require_whole()

    def _draw_video(self, path: Path, frames: VideoReader) -> None:
        target = self._targets[path]
        with outputs.video_file(target) as file:
            with contextlib.closing(VideoWriter(file, frames.rate)) as writer:
                for frame, result in self._results(path, frames):
                    drawn = drawing.draw(Image.fromarray(frame), result.boxes, self._colours, enlarge=False)
                    writer.write(np.asarray(drawn))
                    self._found(result)
            writer.require_whole()
        self._made(target, target.stat().st_size)

    def _results(self, path: Path, frames: VideoReader) -> Iterator[tuple[np.ndarray, ImageResult]]:
        """Each frame with what was found in it."""
        with progress.Progress("detect", frames.count, "frame") as bar:
            for number, frame in enumerate(frames):
                yield frame, self._detect(frame, path, number, frames.seconds)
                bar.advance()

    def _detect(self, pixels: np.ndarray, path: Path, *place: float) -> ImageResult:
        detections, milliseconds = self._detector(pixels)
        height, width = pixels.shape[:2]
        boxes = boxes_from(self._threshold, detections, width, height)
        return ImageResult(path, width, height, milliseconds, boxes, *place)

    def _found(self, result: ImageResult) -> None:
        self.tally.milliseconds.append(result.milliseconds)
        self.tally.detections.update(box.name for box in result.boxes)
        self._report.found(result)

    @contextlib.contextmanager
    def _telling_failure(self, path: Path) -> Iterator[None]:
        try:
            yield
        except InputError as error:
            self.failed(path, str(error))

    def failed(self, path: Path, reason: str) -> None:
        self.tally.failed += 1
        self._report.failed(path, reason)

    def _made(self, target: Path, size: int) -> None:
        self.tally.made += 1
        self.tally.bytes += size
        self.tally.last_made = target
