"""What a benchmark leaves: benchmark.json with all of it, benchmark.md for people, and the chart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from todus import files, markdown
from todus.benchmark import chart, figures, formats
from todus.benchmark.conditions import Conditions
from todus.benchmark.rows import Row
from todus.evaluation import evaluate, origin, report
from todus.layout import Model
from todus.markdown import percent

VERSION = 1  # of benchmark.json
HEAD = ("format", "MB", "parameters", "AP", "AP50", "ms", "p95", "backbone + head", "post-processing", "speed")
NOTHING = "\u2013"
FEW = 4  # categories that fit in a title
_TIMES = ("median", "p95", "heads", "post_processing")


def write(model: Model, rows: Sequence[Row], conditions: Conditions, sentence: str) -> list[Path]:
    """Write all three, the JSON last; returns their paths. Without any AP there is no chart."""
    has_chart = chart.write(model.benchmark_chart, rows, title(model, conditions), machine_line(conditions))
    picture = f"\n![AP against milliseconds]({model.benchmark_chart.name})\n" if has_chart else ""
    files.write_text(model.benchmark_table, text(model, rows, conditions, sentence) + picture)
    files.write_json(model.benchmark_json, to_json(model, rows, conditions, sentence), indent=1)
    return [*([model.benchmark_chart] if has_chart else []), model.benchmark_table, model.benchmark_json]


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
    parts.append("\n".join(f"- {note}" for note in notes(rows, conditions)))
    return "\n\n".join(parts) + "\n"


def table(rows: Sequence[Row]) -> list[str]:
    return markdown.table(HEAD, [_cells(row) for row in rows])


def _cells(row: Row) -> list[str]:
    found, accuracy, size = row.figures, row.accuracy, row.made.size
    return [
        f"{row.title} ({formats.in_few_words(row.reason)})" if row.reason else row.title,
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


def notes(rows: Sequence[Row], conditions: Conditions) -> list[str]:
    """What to know of the figures."""
    return [*definitions(rows, conditions), *particulars(rows, conditions)]


def definitions(rows: Sequence[Row], conditions: Conditions) -> list[str]:
    """What the columns are; the same each time."""
    said = [
        f"AP: {conditions.images} validation images of dataset {conditions.dataset}.",
        f"ms: median over {conditions.rounds} rounds on {conditions.timed_images} images, from an image's pixels to "
        "detections in memory, resizing included, reading not; all formats take turns. Speed: the median of the "
        "ratios within each round.",
        "In the timing OpenCV resizes images for TensorFlow Lite and ONNX, as most programs on devices do; for AP "
        "TensorFlow's operation does, as in the frozen graph.",
        "Backbone + head includes resizing. It ends at raw boxes and class scores, which TensorFlow Lite and ONNX have "
        "scaled to 0..1 and ONNX has decoded by then. Post-processing is the rest of the same image and round.",
        "Parameters: weights, biases and the four numbers of each channel of batch normalization, as exported.",
    ]
    if any(row.name == formats.PRETRAINED and row.figures for row in rows):
        said.append(
            "The pretrained model is exported from the zoo's checkpoint just as the limited one is, with the same "
            "post-processing; the zoo's own frozen graph was written by an exporter of its year."
        )
    return said


def particulars(rows: Sequence[Row], conditions: Conditions) -> list[str]:
    """What is so of these files on this machine."""
    said = _thresholds(rows)
    restless = [row.title for row in rows if row.timings and figures.are_restless(row.timings)]
    if restless:
        said.append(
            f"The times of {', '.join(restless)} vary by more than {figures.RESTLESS:g} times, as on a machine that "
            "does other things, too: run it again when that is at rest, or with fewer THREADS."
        )
    if conditions.quantized[1]:
        said.append("The limited graph has fake quantization, which TensorFlow computes besides the network.")
    return said + [f"{', '.join(titles)}: {reason}." for reason, titles in by_reason(rows).items() if _is_cut(reason)]


def _thresholds(rows: Sequence[Row]) -> list[str]:
    """Of the files that drop scores that count, or may do so."""
    dropping: dict[str, list[str]] = {}
    for row in rows:
        threshold = row.accuracy.score_threshold if row.accuracy else 0.0
        if threshold is None:
            dropping.setdefault("scores under a threshold that cannot be told", []).append(row.title)
        elif threshold > evaluate.NOTEWORTHY_THRESHOLD:
            dropping.setdefault(f"scores under {report.threshold(threshold)}", []).append(row.title)
    return [
        f"Dropped are {which} by {', '.join(titles)}: AP may read lower than that of make eval, which evaluates "
        "checkpoints at 1e-8."
        for which, titles in dropping.items()
    ]


def by_reason(rows: Sequence[Row]) -> dict[str, list[str]]:
    """The titles of those that have none of the figures, or not all, by the reason."""
    titles: dict[str, list[str]] = {}
    for row in rows:
        if row.reason:
            titles.setdefault(row.reason, []).append(row.title)
    return titles


def _is_cut(reason: str) -> bool:
    """Whether the table has it in part only."""
    return formats.in_few_words(reason) != reason


def to_json(model: Model, rows: Sequence[Row], conditions: Conditions, sentence: str) -> dict[str, Any]:
    """benchmark.json: times in milliseconds, AP 0..1."""
    return {
        "version": VERSION,
        "model": model.name,
        **asdict(conditions),
        "sentence": sentence,
        "notes": notes(rows, conditions),
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
        "ms": {part: getattr(found, part) for part in _TIMES} if found else None,
        "speed": asdict(found.speed) if found and found.speed else None,
        "timings": {
            part: [round(1000 * seconds, 4) for seconds in getattr(row.timings, part)] if row.timings else []
            for part in ("whole", "heads")
        },
    }
