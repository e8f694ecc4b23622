"""TensorRT's plugin NMS_TRT in NumPy, for one image.

Source: NVIDIA/TensorRT (Apache-2.0), release 8: plugin/nmsPlugin and, in plugin/common/kernels, detectionForward,
decodeBBoxes, permuteData, sortScoresPerClass, allClassNMS, sortScoresPerImage and gatherTopDetections. In float32, so
without the score bits that only float16 has. What the plugin asserts, or does not survive, is a ValueError here.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from uff_interpreter.plugins import require, three_dimensions

TF_CENTER = 3
MOST_CANDIDATES = 8 * 512  # as many as the kernel has threads for


@dataclass(frozen=True)
class Parameters:
    """The attributes of the plugin, by their own names. Those without a default have none in the plugin either."""

    shareLocation: int  # noqa: N815
    varianceEncodedInTarget: int  # noqa: N815
    backgroundLabelId: int  # noqa: N815
    numClasses: int  # noqa: N815
    topK: int  # noqa: N815
    keepTopK: int  # noqa: N815
    confidenceThreshold: float  # noqa: N815
    nmsThreshold: float  # noqa: N815
    confSigmoid: int  # noqa: N815
    isNormalized: int  # noqa: N815
    inputOrder: tuple[int, ...] = (0, 2, 1)  # noqa: N815
    codeType: int = TF_CENTER  # noqa: N815
    scoreBits: int = 16  # noqa: N815
    isBatchAgnostic: int = 1  # noqa: N815

    @classmethod
    def of(cls, attributes: dict[str, object]) -> Parameters:
        require(attributes.keys() <= {f.name for f in fields(cls)}, f"attributes {sorted(attributes)}")
        try:
            return cls(**attributes)
        except TypeError as error:
            raise ValueError(f"an attribute has no default: {error}") from None


def nms(attributes: dict[str, object], *inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Decode boxes, suppress non-maxima.

    Args:
      inputs: box encodings, class logits and anchors, in the order that the attribute inputOrder tells.

    Returns:
      The detections, float32 [1, 1, keepTopK, 7]: image, label, score, xmin, ymin, xmax, ymax, best first; places that
      are left over have the label -1. Their number, int32 [1, 1, 1, 1].
    """
    parameters = Parameters.of(attributes)
    location, confidence, prior = _in_order(parameters, inputs)
    boxes = _decoded(parameters, location.reshape(-1, 4), prior.reshape(2, -1, 4))
    scores = _scores(parameters, confidence)
    found = []  # score, label and anchor
    for label in range(parameters.numClasses):
        if label != parameters.backgroundLabelId:
            found += [(scores[label, k], label, k) for k in _kept(parameters, boxes, scores[label])]
    found.sort(key=lambda detection: -detection[0])  # stable, as the radix sort is
    detections = np.zeros([parameters.keepTopK, 7], np.float32)
    detections[:, 1] = -1
    best = found[: parameters.keepTopK]
    for place, (score, label, anchor) in enumerate(best):
        detections[place] = [0, label, score, *np.clip(boxes[anchor], 0, 1)]
    return detections[None, None], np.full([1, 1, 1, 1], len(best), np.int32)


def _in_order(parameters: Parameters, inputs: tuple[np.ndarray, ...]) -> list[np.ndarray]:
    require(len(inputs) == 3, f"three inputs, not {len(inputs)}")
    require(sorted(parameters.inputOrder) == [0, 1, 2], f"inputOrder {parameters.inputOrder}")
    location, confidence, prior = (inputs[place] for place in parameters.inputOrder)
    anchors = three_dimensions(prior)[1] // 4
    require(three_dimensions(prior)[0] == 2, f"anchors and variances {prior.shape}")
    box_classes = 1 if parameters.shareLocation else parameters.numClasses
    require(box_classes == 1, "boxes that classes do not share are not implemented")
    require(three_dimensions(location)[0] == anchors * 4, f"boxes {location.shape} of {anchors} anchors")
    scores = anchors * parameters.numClasses
    require(three_dimensions(confidence)[0] == scores, f"scores {confidence.shape} of {anchors} anchors")
    require(parameters.topK <= min(anchors, MOST_CANDIDATES), f"topK {parameters.topK} of {anchors} anchors")
    require(parameters.keepTopK <= parameters.topK, "nothing is written where keepTopK is above topK")
    return [location, confidence, prior]


def _decoded(parameters: Parameters, encodings: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """xmin, ymin, xmax, ymax of each anchor's box, not clipped, float32 [anchors, 4].

    TF_CENTER takes the encodings as ty, tx, th, tw and always multiplies them by the variances.
    """
    require(parameters.codeType == TF_CENTER, f"codeType {parameters.codeType} is not implemented")
    (xmin, ymin, xmax, ymax), variances = prior[0].T, prior[1].T
    ty, tx, th, tw = encodings.T
    width, height = xmax - xmin, ymax - ymin
    x = variances[0] * tx * width + (xmin + xmax) / 2
    y = variances[1] * ty * height + (ymin + ymax) / 2
    half_width, half_height = np.exp(variances[2] * tw) * width / 2, np.exp(variances[3] * th) * height / 2
    return np.stack([x - half_width, y - half_height, x + half_width, y + half_height], axis=-1)


def _scores(parameters: Parameters, logits: np.ndarray) -> np.ndarray:
    """float32 [classes, anchors]."""
    scores = logits.reshape(-1, parameters.numClasses).T
    return np.exp(scores) / (1 + np.exp(scores)) if parameters.confSigmoid else scores


def _kept(parameters: Parameters, boxes: np.ndarray, scores: np.ndarray) -> list[int]:
    """The anchors that are detections of a class, best first: of the topK best, those that no better one covers.

    The plugin goes on to the last of them; here the search ends at keepTopK, for no more can be among the best of all.
    """
    candidates = np.argsort(-scores, kind="stable")
    candidates = candidates[scores[candidates] > np.float32(parameters.confidenceThreshold)][: parameters.topK]
    kept = []
    while len(candidates) and len(kept) < parameters.keepTopK:
        best, candidates = candidates[0], candidates[1:]
        kept.append(int(best))
        overlaps = _overlaps(parameters, boxes[best], boxes[candidates])
        candidates = candidates[~(overlaps > np.float32(parameters.nmsThreshold))]
    return kept


def _overlaps(parameters: Parameters, box: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Intersection over union; of boxes in pixels (not normalised) with both edges inside."""
    edge = np.float32(0 if parameters.isNormalized else 1)
    first, last = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    sides = last - first + edge
    shared = np.where((last >= first).all(axis=1) & (sides > 0).all(axis=1), sides.prod(axis=1), 0)
    areas = (others[:, 2:] - others[:, :2] + edge).prod(axis=1)
    area = (box[2:] - box[:2] + edge).prod()
    return np.divide(shared, area + areas - shared, out=np.zeros_like(shared), where=shared > 0)
