"""What a graph has detected, kept in eval/ with a note of what made it: the same need not be detected again."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from todus import files
from todus.evaluation import origin
from todus.evaluation.graphs import Graph
from todus.evaluation.validation_set import ValidationSet
from todus.layout import Model

VERSION = 3  # of how detections are made and kept: a higher number makes all of them anew


@dataclass(frozen=True)
class Stored:
    """results: in COCO's results format; score_threshold: what the graph itself drops, None if that is not known."""

    results: list[dict]
    score_threshold: float | None


def origin_of(model: Model, graph: Graph, validation: ValidationSet) -> dict:
    """What the detections of `graph` on `validation` depend on, as it is now."""
    return {
        "version": VERSION,
        "versions": origin.versions("tensorflow", "pillow", graph.runtime),
        "object_detection_api": origin.object_detection_api() if graph.is_built else None,
        "made_of": origin.made_of(graph.files, model),
        "ground_truth": validation.fingerprint,
        "images": _as_they_are(validation),
    }


def _as_they_are(validation: ValidationSet) -> str:
    """A digest of the image files' names, sizes and times; their bytes would take too long to read."""
    known = ((path.name, path.stat()) for _, path in validation.images)
    lines = (f"{name} {stat.st_size} {stat.st_mtime_ns}\n" for name, stat in known)
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def read(model: Model, graph: Graph, wanted: dict) -> Stored | None:
    """The detections of `graph` that were made of `wanted` (see origin_of); None unless they are there, and whole."""
    path = model.detections(graph.name)
    try:
        note = json.loads(model.detections_origin(graph.name).read_bytes())
        if (note["graph"], note["origin"], note["sha256"]) != (graph.name, wanted, files.sha256(path)):
            return None
        return Stored(json.loads(path.read_bytes()), note["score_threshold"])
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        return None


def write(model: Model, graph: Graph, made_of: dict, stored: Stored) -> None:
    """Keep the detections, and then the note, without which they do not count.

    Args:
      made_of: origin_of() from before they were made.
    """
    path, note = model.detections(graph.name), model.detections_origin(graph.name)
    note.unlink(missing_ok=True)
    files.write_json(path, stored.results)
    content = {
        "graph": graph.name,
        "score_threshold": stored.score_threshold,
        "sha256": files.sha256(path),
        "origin": made_of,
    }
    files.write_json(note, content, indent=2)
