"""What the report says of one evaluation, and the pictures that go with it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from todus.evaluation import confusion, matching, origin, worst_images
from todus.evaluation.graphs import Graph
from todus.evaluation.report import curves, store
from todus.evaluation.scoring import Scores
from todus.evaluation.stored_detections import Stored
from todus.evaluation.validation_set import ValidationSet
from todus.layout import Model


def name_of(graph: str, only: Sequence[str]) -> str:
    """What the report calls the evaluation of `graph`, on some categories `only` where any are given."""
    return f"{graph} [{', '.join(only)}]" if only else graph


def make(
    model: Model,
    graph: Graph,
    validation: ValidationSet,
    stored: Stored,
    scores: Scores,
    made_of: dict[str, str],
    only: Sequence[str] = (),
) -> dict:
    """The entry of one evaluation; draws its curves and its worst images into eval/.

    Args:
      validation, stored, scores: of the categories in `only`, where these are given.
      made_of: the checksums of what the detections depend on.
    """
    name = name_of(graph.name, only)
    pairs = matching.match(validation.annotations, stored.results, validation.image_ids)
    curves.draw(scores.curves, name, model.curves(name))
    return {
        "format": store.FORMAT,
        "graph": graph.name,
        "dataset": validation.name,
        "ground_truth": validation.fingerprint,
        "images": len(validation.images),
        "only": list(only),
        "score_threshold": stored.score_threshold,
        "checkpoint": graph.weights,
        "made_of": made_of,
        "evaluated": datetime.now().astimezone().isoformat(timespec="seconds"),
        "versions": origin.versions(graph.runtime, "faster-coco-eval"),
        "summary": scores.summary,
        "categories": scores.categories,
        "sizes": scores.sizes,
        "confusion": _confusion(pairs, validation),
        "worst": _worst(model, name, pairs, validation, stored),
    }


def _confusion(pairs: dict[int, list[matching.Pair]], validation: ValidationSet) -> dict:
    names, counts = confusion.matrix(
        (pair for ones in pairs.values() for pair in ones), validation.annotations["categories"]
    )
    found = {
        names[row]: {names[column]: int(counts[row, column]) for column in counts[row].nonzero()[0]}
        for row in range(len(names))
    }
    return {"min_score": matching.MIN_SCORE, "iou": matching.IOU, "counts": found}


def _worst(model: Model, name: str, pairs: dict, validation: ValidationSet, stored: Stored) -> list[dict]:
    chosen = worst_images.worst(pairs)
    drawn = worst_images.draw(
        chosen, validation.images, validation.annotations, stored.results, model.worst_images(name)
    )
    files = {image["id"]: image["file_name"] for image, _ in validation.images}
    return [
        {"image": files[one.image_id], "missed": one.missed, "false": one.false, "picture": picture}
        for one, picture in zip(chosen, drawn, strict=True)
    ]
