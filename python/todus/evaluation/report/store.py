"""report.json: name of an evaluation -> its entry (see entry.make)."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from todus import files, progress
from todus.errors import UserError, WorldError
from todus.evaluation import origin
from todus.layout import Model

FORMAT = 2  # of an entry; those of another one are dropped

PATIENCE = 10  # seconds for which another evaluation may be at the report


@contextmanager
def alone(model: Model) -> Iterator[None]:
    """Keep other evaluations off the report meanwhile. Raises WorldError if one does not let go of it."""
    until = time.monotonic() + PATIENCE
    with ExitStack() as held:
        while True:
            try:
                held.enter_context(files.locked(model.evaluation))
                break
            except WorldError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.05)
        yield


def read(model: Model) -> dict[str, dict]:
    """The report, empty where nothing has been evaluated. Raises UserError if it is damaged."""
    try:
        report = json.loads(model.report.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError:
        report = None
    if not isinstance(report, dict) or not all(isinstance(entry, dict) for entry in report.values()):
        raise UserError(f"{model.report} is damaged; delete it and evaluate again")
    return report


def add(model: Model, name: str, entry: dict) -> dict[str, dict]:
    """See report.add. A damaged report is begun anew."""
    try:
        before = read(model)
    except UserError:
        progress.say(f"{progress.shown(model.report)} is damaged, and begun anew")
        before = {}
    outdated = {other for other, old in before.items() if other != name and _is_outdated(old, model)}
    kept = {o: old for o, old in before.items() if o != name and o not in outdated and _compare(old, entry)}
    whole = {**kept, name: entry}
    files.write_json(model.report, whole, indent=2)
    for other in before.keys() - whole.keys():
        _remove_pictures(model, other)
    used = {one["graph"] for one in whole.values()}
    for graph in {before[other].get("graph", other) for other in outdated} - used:
        _remove_detections(model, graph)
    return whole


def _is_outdated(entry: dict, model: Model) -> bool:
    """Whether it is of a file that was written anew since, or of a checkpoint that is gone."""
    made_of = entry.get("made_of", {})
    return origin.is_gone(made_of, model) or not origin.is_unchanged(made_of, model)


def _compare(one: dict, other: dict) -> bool:
    return all(one.get(key) == other[key] for key in ("format", "dataset", "ground_truth", "images"))


def _remove_detections(model: Model, graph: str) -> None:
    model.detections_origin(graph).unlink(missing_ok=True)
    model.detections(graph).unlink(missing_ok=True)


def _remove_pictures(model: Model, name: str) -> None:
    model.curves(name).unlink(missing_ok=True)
    shutil.rmtree(model.worst_images(name), ignore_errors=True)
