"""The report of evaluations: eval/report.json, which keeps the latest of each graph, and eval/report.md."""

from __future__ import annotations

import json
from pathlib import Path

from todus import files
from todus.evaluation.scoring import Scores


def add(folder: Path, graph: str, facts: dict, scores: Scores) -> dict:
    """Put the evaluation of `graph` into the report in `folder`, in place of an earlier one of the same graph."""
    path = folder / "report.json"
    report = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    report[graph] = {**facts, "summary": scores.summary, "categories": scores.categories}
    files.write_json(path, report, indent=2)
    files.write_text(folder / "report.md", markdown(report))
    return report


def markdown(report: dict) -> str:
    lines = ["# Average precision on the validation images", ""]
    lines += table(
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
    return table(["category", "AP", "AP50", "boxes"], rows)


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    """A Markdown table that also reads well as it stands: the first column to the left, the others to the right."""
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]

    def line(cells: list[str]) -> str:
        padded = [c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(cells, widths, strict=True))]
        return f"| {' | '.join(padded)} |"

    rule = [("-" * w) if i == 0 else "-" * (w - 1) + ":" for i, w in enumerate(widths)]
    return [line(head), line(rule), *(line(row) for row in rows)]


def percent(value: float | None) -> str:
    """0.2345 -> '23.5'; n/a where there are no such boxes."""
    return "n/a" if value is None else f"{100 * value:.1f}"


def threshold(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.2g}"
