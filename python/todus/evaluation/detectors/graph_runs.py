"""The ways to run the graph of a detector. All give the same detections, up to the order of float operations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from todus.bridge.graph_mode import tf
from todus.evaluation.detectors import best_candidates
from todus.evaluation.detectors.preparation import IMAGE, Fetch, Preparation
from todus.evaluation.detectors.suppression import Suppression

OUTPUTS = ("num_detections", "detection_boxes", "detection_scores", "detection_classes")
BATCH = 8  # of images of one size; more gain nothing on two cores

_CANDIDATES = 4  # times the detections that are wanted of an image; enough for all but crowds
_MORE = 4  # times as many where they were too few
_MOST_PAIRS = 1_000_000  # candidates times classes that fit into memory

# Boxes float32 [n, 4], scores float32 [n], best first, and classes [n], ids of the label map, of an image.
Found = tuple[np.ndarray, np.ndarray, np.ndarray]
Prepared = tuple[np.ndarray, np.ndarray]


class OneByOne:
    """Feeds the images as they are and takes the graph's own outputs: for graphs of which nothing else is known."""

    batch_size = 1

    def __init__(self, session: tf.Session):
        self._image = session.graph.get_tensor_by_name(f"{IMAGE}:0")
        self._outputs = Fetch(session, [session.graph.get_tensor_by_name(f"{name}:0") for name in OUTPUTS])

    def detect(self, images: Sequence[np.ndarray]) -> list[Found]:
        return [self._own_outputs({self._image: image[np.newaxis]})[0] for image in images]

    def _own_outputs(self, feeds: dict[tf.Tensor, np.ndarray]) -> list[Found]:
        counts, boxes, scores, classes = self._outputs.run(feeds)
        return [(boxes[i, :n], scores[i, :n], classes[i, :n]) for i, n in enumerate(counts.astype(int))]

    def close(self) -> None:
        """Give back what is held beside the session."""


class PreparedFirst(OneByOne):
    """Prepares the images, then takes those of one size together through the rest of the graph to its own outputs."""

    def __init__(self, session: tf.Session, preparation: Preparation):
        super().__init__(session)
        self._preparation = preparation
        self.batch_size = BATCH if preparation.has_fixed_size else 1

    def detect(self, images: Sequence[np.ndarray]) -> list[Found]:
        prepared = [self._preparation.run(image) for image in images]
        found: dict[int, Found] = {}
        for size in {image.shape for image, _ in prepared}:
            rows = [row for row, (image, _) in enumerate(prepared) if image.shape == size]
            found.update(zip(rows, self._detect_prepared([prepared[row] for row in rows]), strict=True))
        return [found[row] for row in range(len(images))]

    def _detect_prepared(self, prepared: list[Prepared]) -> list[Found]:
        """The detections of images that were prepared to one size."""
        return self._own_outputs(self._feeds(prepared))

    def _feeds(self, prepared: list[Prepared]) -> dict[tf.Tensor, np.ndarray]:
        images, shapes = (np.stack(values) for values in zip(*prepared, strict=True))
        return {self._preparation.images: images, self._preparation.true_shapes: shapes}

    def close(self) -> None:
        self._preparation.close()


class AmongBestCandidates(PreparedFirst):
    """Suppresses non-maxima among the best candidates only; falls back on the graph's own where they do not suffice."""

    def __init__(self, session: tf.Session, preparation: Preparation, suppression: Suppression):
        super().__init__(session, preparation)
        self._suppression = suppression
        self._candidates = best_candidates.build(session.graph, suppression)
        self._fetch = Fetch(session, self._candidates.fetches)
        self._enough = _CANDIDATES * suppression.max_total

    def _detect_prepared(self, prepared: list[Prepared]) -> list[Found]:
        is_padded = any(tuple(shape) != image.shape for image, shape in prepared)  # then boxes are not clipped to 0..1
        return super()._detect_prepared(prepared) if is_padded else self._among(prepared, self._enough)

    def _among(self, prepared: list[Prepared], count: int) -> list[Found]:
        """The detections among the best `count` candidates of each image, or among more where these do not tell."""
        if count * self._suppression.class_count > _MOST_PAIRS:
            return super()._detect_prepared(prepared)
        found = self._certain(prepared, count)
        rest = [row for row, detections in enumerate(found) if detections is None]
        if len(rest) > len(found) / 2:
            self._enough = max(self._enough, count * _MORE)
        if rest:
            more = self._among([prepared[row] for row in rest], count * _MORE)
            for row, detections in zip(rest, more, strict=True):
                found[row] = detections
        return found

    def _certain(self, prepared: list[Prepared], count: int) -> list[Found | None]:
        """The detections of each image, or None where worse candidates could be among them."""
        keep = count // 2  # more than are wanted, since some have no area once they are clipped
        feeds = {self._candidates.count: count, self._candidates.keep: keep, **self._feeds(prepared)}
        found: list[Found | None] = []
        for boxes, scores, classes, survivors, is_all in zip(*self._fetch.run(feeds), strict=True):
            inside, rows = best_candidates.clipped(boxes[:survivors])
            is_whole = len(rows) >= self._suppression.max_total or (is_all and survivors < keep)
            rows = rows[: self._suppression.max_total]
            found.append((inside[rows], scores[rows], classes[rows] + 1) if is_whole else None)
        return found
