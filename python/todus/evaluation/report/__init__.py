"""The report of a model's evaluations: eval/report.json, which keeps the latest of each graph, report.md, report.html.

Light to import: what draws and renders is imported when it is needed.
"""

from __future__ import annotations

from todus.evaluation.report.figures import percent, threshold
from todus.evaluation.report.store import FORMAT, read
from todus.layout import Model

__all__ = ["FORMAT", "add", "average_precision", "percent", "read", "threshold"]


def add(model: Model, name: str, entry: dict) -> dict[str, dict]:
    """Put an evaluation (see entry.make), which the report calls `name`, in place of an earlier one of that name.

    Evaluations on another ground truth go: they do not compare with this one. So do those of files that were written
    anew since, and of checkpoints that are gone, these with their detections.

    Returns:
      The whole report: name -> entry, the latest evaluation last.

    Raises:
      WorldError: another evaluation does not let go of the report.
    """
    from todus import files
    from todus.evaluation.report import markdown, page, store

    with store.alone(model):
        whole = store.add(model, name, entry)
        files.write_text(model.report.with_suffix(".md"), markdown.render(model, whole))
        files.write_text(model.report_page, page.render(model, whole))
    return whole


def average_precision(model: Model, graph: str) -> float | None:
    """The AP (0 to 1) of `graph`, like "pretrained", if it has been evaluated as it is now, on the dataset of now."""
    from todus import up_to_date  # which itself reads the report

    return up_to_date.evaluated(model).get(graph)
