"""report.json: name of an evaluation -> its entry (see entry.make)."""

from __future__ import annotations

import json
import shutil

from todus import files, progress
from todus.errors import UserError
from todus.layout import Model

FORMAT = 1  # of an entry; those of another one are dropped


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
    kept = {other: old for other, old in before.items() if other != name and _compare(old, entry)}
    whole = {**kept, name: entry}
    files.write_json(model.report, whole, indent=2)
    for other in before.keys() - whole.keys():
        _remove_pictures(model, other)
    return whole


def _compare(one: dict, other: dict) -> bool:
    return all(one.get(key) == other[key] for key in ("format", "dataset", "ground_truth", "images"))


def _remove_pictures(model: Model, name: str) -> None:
    model.curves(name).unlink(missing_ok=True)
    shutil.rmtree(model.worst_images(name), ignore_errors=True)
