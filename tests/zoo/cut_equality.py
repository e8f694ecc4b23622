"""What a detector says with all its classes, and what it says cut to three of them, of the same images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from google.protobuf.message import Message

from todus.bench import lifelike
from todus.bench.lifelike import Said
from todus.bridge import detection_model
from todus.bridge import pipeline as pipelines
from todus.zoo import class_axis, class_head

KEPT = (11, 3, 7)  # neither sorted nor next to each other, and all within the smallest of the detectors
IMAGES = 3
EXACTLY = 1e-5
CLEARLY = 0.1


@dataclass(frozen=True)
class Pair:
    """A detector and its cut."""

    pipeline: pipelines.Pipeline
    full: Said
    cut: Said

    @property
    def first(self) -> int:
        """Where class 1 lies among the scores."""
        return self.full.scores.shape[-1] - class_axis.class_count(self.pipeline)

    @property
    def has_two_stages(self) -> bool:
        return pipelines.meta_architecture(self.pipeline) == "faster_rcnn"

    def all_detections(self) -> int:
        """Of all the classes in an image, were there no limit to their sum."""
        return class_axis.class_count(self.pipeline) * suppression(self.pipeline).max_detections_per_class

    def is_cut_off(self, image: int) -> bool:
        total = suppression(self.pipeline).max_total_detections
        return self.full.outputs["num_detections"][image] == total < self.all_detections()

    def of_the_kept(self, values: np.ndarray, shift: int = 0) -> np.ndarray:
        """The columns of the background and of the classes kept, or of the `shift`th neighbours of these."""
        return values[..., [*range(self.first), *(self.first + number - 1 + shift for number in KEPT)]]

    def full_boxes(self) -> np.ndarray:
        """The full detector's box encodings, of the classes kept where each class has its own."""
        each_has_its_own = self.full.boxes.shape != self.cut.boxes.shape
        return self.full.boxes[:, [number - 1 for number in KEPT]] if each_has_its_own else self.full.boxes


def suppression(pipeline: pipelines.Pipeline) -> Message:
    """The pipeline's settings of non-maximum suppression."""
    if pipelines.meta_architecture(pipeline) == "ssd":
        return pipeline.model.ssd.post_processing.batch_non_max_suppression
    return pipeline.model.faster_rcnn.second_stage_post_processing.batch_non_max_suppression


def pair(pipeline: pipelines.Pipeline) -> Pair:
    """Cut the detector of `pipeline`, with lifelike random weights, and let both look at the same images."""
    model = getattr(pipeline.model, pipelines.meta_architecture(pipeline))
    images = lifelike.images(IMAGES, model.image_resizer.fixed_shape_resizer.height)
    graph = detection_model.build_graph(pipeline)
    variables = lifelike.variables(graph, images)
    full = lifelike.say(graph, variables, images)
    cut = class_head.cut_checkpoint(variables, pipeline, KEPT)
    smaller = with_classes(pipeline, len(KEPT), variables)
    return Pair(pipeline, full, lifelike.say(detection_model.build_graph(smaller), cut, images))


def with_classes(pipeline: pipelines.Pipeline, count: int, variables: dict[str, np.ndarray]) -> pipelines.Pipeline:
    """The pipeline of a detector with these variables after its cut to `count` classes."""
    changed = pipelines.copy(pipeline)
    getattr(changed.model, pipelines.meta_architecture(pipeline)).num_classes = count
    class_axis.keep_mask_depth(changed, {name: values.shape for name, values in variables.items()})
    return changed


def check_heads(pair: Pair) -> None:
    """Before non-maximum suppression the cut says the same; and would not, were its columns others."""
    assert np.isfinite(pair.full.logits).all()
    assert pair.cut.logits.shape[-1] == pair.first + len(KEPT)
    np.testing.assert_allclose(pair.cut.logits, pair.of_the_kept(pair.full.logits), atol=EXACTLY, rtol=EXACTLY)
    np.testing.assert_allclose(pair.cut.boxes, pair.full_boxes(), atol=EXACTLY)

    neighbours = pair.of_the_kept(pair.full.logits, shift=1)[..., pair.first :]
    differences = np.abs(pair.cut.logits[..., pair.first :] - neighbours)
    assert differences.reshape(-1, len(KEPT)).max(axis=0).min() > 1, "other columns would do as well"
    for values in (pair.cut.logits, pair.cut.boxes):
        assert values.reshape(IMAGES, -1).std(axis=0).mean() > CLEARLY, "what it says hardly depends on the image"


def check_scores(pair: Pair) -> None:
    """A sigmoid's are what they were; a softmax is shared among the classes that are left."""
    before = pair.of_the_kept(pair.full.scores)
    if not pair.has_two_stages:
        np.testing.assert_allclose(pair.cut.scores, before, atol=EXACTLY)
        return
    np.testing.assert_allclose(pair.cut.scores, before / before.sum(-1, keepdims=True), atol=EXACTLY)
    assert (pair.cut.scores >= before - EXACTLY).all()
    assert (pair.cut.scores - before).max() > CLEARLY, "the dropped classes had no share of the softmax"


def check_detections(pair: Pair) -> None:
    """After non-maximum suppression the cut detects what the whole detector did, of the classes kept.

    Where the list of the whole one was full, its lowest score tells how far it goes.

    With two stages the scores are renormalised, and nothing may be suppressed: the order in which boxes suppress each
    other is that of the scores, and a softmax that is shared among fewer classes can change it.
    """
    for image in range(IMAGES):
        floor = pair.full.outputs["detection_scores"][image].min() if pair.is_cut_off(image) else 0
        for place, number in enumerate(KEPT, start=1):
            before, after = _detections(pair.full, image, number), _detections(pair.cut, image, place)
            if pair.has_two_stages:
                before = _renormalised(pair, image, number, before)
            after = [found for found in after if found[0] > floor - EXACTLY]
            np.testing.assert_allclose(_rows(after), _rows(before), atol=EXACTLY)
            if "detection_masks" in pair.full.outputs:
                _check_masks(pair, image, before, after)


def _detections(said: Said, image: int, class_id: int) -> list[tuple]:
    """Score, box and place among the outputs of every detection of a class in an image, best first."""
    count = int(said.outputs["num_detections"][image])
    places = np.flatnonzero(said.outputs["detection_classes"][image, :count] == class_id)
    scores, boxes = said.outputs["detection_scores"][image], said.outputs["detection_boxes"][image]
    return _best_first([(scores[place], boxes[place], place) for place in places])


def _best_first(found: list[tuple]) -> list[tuple]:
    return sorted(found, key=lambda detection: -detection[0])


def _rows(found: list[tuple]) -> np.ndarray:
    """float32 [n, 5]: score and box."""
    return np.array([[score, *box] for score, box, _ in found], np.float32).reshape(-1, 5)


def _renormalised(pair: Pair, image: int, number: int, found: list[tuple]) -> list[tuple]:
    """Detections of class `number`, one of each proposal, with the scores they have among the classes kept."""
    scores = pair.full.scores[:, pair.first + number - 1].reshape(IMAGES, -1)[image]
    share = pair.of_the_kept(pair.full.scores).sum(axis=-1).reshape(IMAGES, -1)[image]
    proposals = [int(np.abs(scores - score).argmin()) for score, *_ in found]
    assert sorted(proposals) == list(range(len(scores)))
    return _best_first([(found[i][0] / share[proposal], *found[i][1:]) for i, proposal in enumerate(proposals)])


def _check_masks(pair: Pair, image: int, before: list[tuple], after: list[tuple]) -> None:
    full, cut = (
        said.outputs["detection_masks"][image, [place for *_, place in found]]
        for said, found in ((pair.full, before), (pair.cut, after))
    )
    np.testing.assert_allclose(cut, full, atol=EXACTLY)
    assert np.abs(full - full.mean(axis=0)).max() > 0.01, "masks are all alike"
