"""Run a detector over image files: read ahead in parallel, many images at a time."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from todus import progress
from todus.coco.records import workers
from todus.evaluation import scoring
from todus.evaluation.detectors.detector import Detector
from todus.evaluation.detectors.image_reader import read_image

AHEAD = 2  # batches for each thread that may wait for their turn
IN_MEMORY = 128  # images that may be, where there are many cores

Item, Result = TypeVar("Item"), TypeVar("Result")


def detect_files(detector: Detector, images: Sequence[tuple[dict, Path]], categories: Sequence[dict]) -> list[dict]:
    """Run `detector` over `images`, with a progress bar.

    Args:
      images: COCO's entry of each image (its `id` is needed) and its file.
      categories: COCO's entries (`id`, `name`); detections of other names are left out.

    Returns:
      Detections in COCO's results format, in the images' order, best first for each.

    Raises:
      UserError: a file is not an image.
    """
    category_ids = {category["name"]: category["id"] for category in categories}
    threads = reading_threads(detector, workers.cores())
    turn = threading.Semaphore(detector.at_once)

    def detect(batch: Sequence[tuple[dict, Path]]) -> list[dict]:
        pixels = [read_image(path) for _, path in batch]
        with turn:
            found = detector.detect(pixels)
        results = []
        for (image, _), its_pixels, detections in zip(batch, pixels, found, strict=True):
            height, width = its_pixels.shape[:2]
            results += scoring.to_results(image["id"], width, height, detections, category_ids)
        return results

    results = []
    batches = list(in_batches(images, detector.batch_size, min(threads, detector.at_once + 1)))
    with progress.Progress("detect", len(images), "image") as bar:
        for batch, found in zip(batches, in_threads(detect, batches, threads), strict=True):
            results += found
            bar.advance(len(batch))
    return results


def reading_threads(detector: Detector, cores: int) -> int:
    """One for each core, and one that reads while they are busy; no more than memory has room for."""
    return max(detector.at_once + 1, min(cores + 1, IN_MEMORY // detector.batch_size))


def in_batches(items: Sequence[Item], most: int, threads: int) -> Iterator[Sequence[Item]]:
    """`items` in order, at most `most` at a time, and so few that every thread has some."""
    size = max(1, min(most, -(-len(items) // threads)))
    return (items[start : start + size] for start in range(0, len(items), size))


def in_threads(function: Callable[[Item], Result], items: Iterable[Item], threads: int) -> Iterator[Result]:
    """What `function` gives for each of `items`, in order. Nothing is begun any more once it has raised."""
    waiting: deque = deque()
    pool = ThreadPoolExecutor(threads)
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) >= AHEAD * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
