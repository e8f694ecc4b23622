"""Image files go through a detector ahead of time and many at once, and the detections come in the images' order."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from todus.coco.label_map import LabelMap
from todus.errors import UserError
from todus.evaluation import detection
from todus.evaluation.detectors import Detections, Detector

CATEGORIES = [{"id": 7, "name": "bear"}, {"id": 9, "name": "zebra"}]


class Brightness(Detector):
    """Finds one bear, as sure as its image is bright, and a dog. Notes how many images it was given at once."""

    score_threshold = None
    label_map = LabelMap({1: "bear", 2: "dog"})

    def __init__(self, batch_size: int):
        self.batch_size, self.given = batch_size, []
        self.inside = self.most_inside = 0
        self._lock = threading.Lock()

    def detect(self, images: Sequence[np.ndarray]) -> list[Detections]:
        with self._lock:
            self.given.append(len(images))
            self.inside += 1
            self.most_inside = max(self.most_inside, self.inside)
        time.sleep(0.001)  # so that others come
        with self._lock:
            self.inside -= 1
        box = np.array([[0, 0, 1, 0.5]] * 2, np.float32)
        return [Detections(box, np.full(2, image.mean() / 255, np.float32), ["bear", "dog"]) for image in images]

    def close(self) -> None:
        pass


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> list[tuple[dict, Path]]:
    """Of several sizes and kinds, each brighter than the one before."""
    folder = tmp_path_factory.mktemp("images")
    made = []
    for number in range(21):
        kind = ("RGB", "L", "CMYK")[number % 3]
        path = folder / f"{number}.jpg"
        Image.new("L", (40 + number, 30), number * 12).convert(kind).save(path)
        made.append(({"id": 100 - number, "file_name": path.name}, path))
    return made


@pytest.mark.parametrize("batch_size", [1, 4, 100])
def test_the_detections_come_in_the_images_order_whatever_the_batch(images, batch_size):
    detector = Brightness(batch_size)
    results = detection.detect_files(detector, images, CATEGORIES)
    assert [result["image_id"] for result in results] == [image["id"] for image, _ in images]
    assert {result["category_id"] for result in results} == {7}, "categories are matched by name, others left out"
    assert np.all(np.diff([result["score"] for result in results]) > 0)
    assert [result["bbox"] for result in results] == [[0, 0, (40 + n) / 2, 30] for n in range(21)]
    assert sum(detector.given) == len(images)
    assert max(detector.given) <= batch_size


def test_few_images_are_shared_among_the_threads(images):
    detector = Brightness(8)
    detection.detect_files(detector, images[:5], CATEGORIES)
    assert len(detector.given) > 1
    assert detection.detect_files(detector, [], CATEGORIES) == []


@pytest.mark.parametrize("at_once", [1, 2])
def test_with_many_cores_no_more_threads_are_in_the_detector_than_it_wants(images, at_once, monkeypatch):
    monkeypatch.setattr(detection.workers, "cores", lambda: 16)
    detector = Brightness(1)
    detector.at_once = at_once
    detection.detect_files(detector, images * 3, CATEGORIES)
    assert detector.most_inside == at_once


def test_memory_holds_the_images_that_are_read_ahead():
    assert detection.reading_threads(Brightness(8), 2) == 3
    assert detection.reading_threads(Brightness(8), 64) * 8 == detection.IN_MEMORY
    assert detection.reading_threads(Brightness(1), 64) == 65
    assert detection.reading_threads(Brightness(64), 64) == 3


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_image_that_may_not_be_read_is_not_to_be_deleted(images, tmp_path):
    path = tmp_path / "secret.jpg"
    path.write_bytes(images[0][1].read_bytes())
    path.chmod(0)
    with pytest.raises(UserError, match="may not be read; give yourself the right"):
        detection.detect_files(Brightness(1), [({"id": 1}, path)], CATEGORIES)


def test_an_image_of_too_many_pixels_is_named(images, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(UserError, match=r"0\.jpg cannot be read as an image"):
        detection.detect_files(Brightness(1), images[:1], CATEGORIES)


@pytest.mark.parametrize("content", [b"", b"no image", None], ids=["empty", "text", "cut off"])
def test_a_damaged_image_is_named_and_the_rest_not_begun(images, tmp_path, content):
    damaged = tmp_path / "damaged.jpg"
    damaged.write_bytes(images[3][1].read_bytes()[:300] if content is None else content)
    detector = Brightness(1)
    with pytest.raises(UserError, match=r"damaged\.jpg cannot be read as an image.*delete it"):
        detection.detect_files(detector, [({"id": 1}, damaged), *images, *images, *images], CATEGORIES)
    assert len(detector.given) < 3 * len(images)


def test_batches_are_of_equal_size_and_leave_nothing_out():
    assert list(detection.in_batches(list(range(10)), 4, 2)) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert list(detection.in_batches(list(range(4)), 8, 2)) == [[0, 1], [2, 3]]
