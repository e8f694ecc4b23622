"""What a benchmark leaves: benchmark.json with all of it, benchmark.md for people, and the chart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from todus import files, markdown
from todus.benchmark import chart, notes, reasons
from todus.benchmark.conditions import Conditions
from todus.benchmark.row import Row
from todus.evaluation import origin
from todus.layout import Model
from todus.markdown import percent

VERSION = 1  # of benchmark.json
HEAD = ("format", "MB", "parameters", "AP", "AP50", "ms", "p95", "backbone + head", "post-processing", "speed")
NOTHING = "\u2013"
FEW = 4  # categories that fit in a title


def write(model: Model, rows: Sequence[Row], conditions: Conditions, sentence: str) -> None:
    """Write all three, the JSON last."""
    has_chart = chart.write(model.benchmark_chart, rows, title(model, conditions), machine_line(conditions))
    picture = f"\n![AP against milliseconds]({model.benchmark_chart.name})\n" if has_chart else ""
    files.write_text(model.benchmark_table, text(model, rows, conditions, sentence) + picture)
    files.write_json(model.benchmark_json, to_json(model, rows, conditions, sentence), indent=1)


def title(model: Model, conditions: Conditions) -> str:
    names = conditions.categories
    what = ", ".join(names) if len(names) <= FEW else f"{len(names)} categories"
    return f"{model.name}, {conditions.checkpoint}: {what}"


def machine_line(conditions: Conditions) -> str:
    machine, threads = conditions.machine, conditions.threads
    return (
        f"{machine['processor']}, {machine['cores']} cores; {threads} thread{'s' if threads > 1 else ''} each; "
        f"one image at a time, {conditions.rounds} rounds"
    )


def text(model: Model, rows: Sequence[Row], conditions: Conditions, sentence: str) -> str:
    """benchmark.md."""
    parts = [f"# {title(model, conditions)}", machine_line(conditions), "\n".join(table(rows))]
    parts += [sentence] if sentence else []
    parts.append("\n".join(f"- {note}" for note in notes.of(rows, conditions)))
    return "\n\n".join(parts) + "\n"


def table(rows: Sequence[Row]) -> list[str]:
    return markdown.table(HEAD, [_cells(row) for row in rows])


def _cells(row: Row) -> list[str]:
    found, accuracy, size = row.figures, row.accuracy, row.made.size
    return [
        f"{row.title} ({reasons.short(row.reason)})" if row.reason else row.title,
        f"{size / 1e6:.2f}" if size is not None else NOTHING,
        f"{row.parameters / 1e6:.2f} M" if row.parameters else NOTHING,
        percent(accuracy.average_precision) if accuracy else NOTHING,
        percent(accuracy.at_50) if accuracy else NOTHING,
        *(_milliseconds(value) for value in (found and found.median, found and found.p95)),
        *(_milliseconds(value) for value in (found and found.heads, found and found.post_processing)),
        f"{found.speed.ratio:.2f} x" if found and found.speed else NOTHING,
    ]


def _milliseconds(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.1f}"


def to_json(model: Model, rows: Sequence[Row], conditions: Conditions, sentence: str) -> dict[str, Any]:
    """benchmark.json: times in milliseconds, AP 0..1."""
    return {
        "version": VERSION,
        "model": model.name,
        **asdict(conditions),
        "sentence": sentence,
        "notes": notes.of(rows, conditions),
        "rows": [_row(model, row) for row in rows],
    }


def _row(model: Model, row: Row) -> dict[str, Any]:
    found, accuracy = row.figures, row.accuracy
    return {
        "format": row.name,
        "title": row.title,
        "file": origin.place(row.made.path, model) if row.made.path else None,
        "bytes": row.made.size,
        "parameters": row.parameters,
        "reason": row.reason,
        "AP": accuracy.average_precision if accuracy else None,
        "AP50": accuracy.at_50 if accuracy else None,
        "score_threshold": accuracy.score_threshold if accuracy else None,
        "ms": asdict(found) if found else None,
        "timings": {
            part: [round(1000 * seconds, 4) for seconds in getattr(row.timings, part)] if row.timings else []
            for part in ("whole", "heads")
        },
    }
