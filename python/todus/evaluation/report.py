"""The report of evaluations: eval/report.json, which keeps the latest of each graph, and eval/report.md."""

from __future__ import annotations

import json

from todus import files
from todus.evaluation.scoring import Scores
from todus.layout import Model
from todus.markdown import table as markdown_table


def add(model: Model, graph: str, facts: dict, scores: Scores) -> dict:
    """Put the evaluation of `graph` into the model's report, in place of an earlier one of the same graph.

    Evaluations on other images or categories go: they do not compare with this one.
    """
    report = json.loads(model.report.read_text(encoding="utf-8")) if model.report.is_file() else {}
    entry = {**facts, "summary": scores.summary, "categories": scores.categories}
    report = {name: other for name, other in report.items() if _ground_truth(other) == _ground_truth(entry)}
    report[graph] = entry
    files.write_json(model.report, report, indent=2)
    files.write_text(model.report.with_suffix(".md"), markdown(report))
    return report


def _ground_truth(entry: dict) -> tuple:
    boxes = {name: scores["boxes"] for name, scores in entry["categories"].items()}
    return entry["dataset"], entry["images"], boxes


def markdown(report: dict) -> str:
    lines = ["# Average precision on the validation images", ""]
    lines += markdown_table(
        ["graph", "AP", "AP50", "images", "score threshold", "dataset"],
        [
            [
                graph,
                percent(entry["summary"]["AP"]),
                percent(entry["summary"]["AP50"]),
                str(entry["images"]),
                threshold(entry["score_threshold"]),
                entry["dataset"],
            ]
            for graph, entry in report.items()
        ],
    )
    for graph, entry in report.items():
        lines += ["", f"## {graph}", "", *category_table(entry["categories"])]
    return "\n".join(lines) + "\n"


def category_table(categories: dict[str, dict]) -> list[str]:
    rows = [[name, percent(s["AP"]), percent(s["AP50"]), str(s["boxes"])] for name, s in categories.items()]
    return markdown_table(["category", "AP", "AP50", "boxes"], rows)


def percent(value: float | None) -> str:
    """0.2345 -> '23.5'; n/a where there are no such boxes."""
    return "n/a" if value is None else f"{100 * value:.1f}"


def threshold(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.2g}"
