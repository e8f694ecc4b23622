"""What to know of a benchmark's figures."""

from __future__ import annotations

from collections.abc import Sequence

from todus.benchmark import figures, formats, reasons
from todus.benchmark.conditions import Conditions
from todus.benchmark.row import Row
from todus.evaluation import evaluate, report


def of(rows: Sequence[Row], conditions: Conditions) -> list[str]:
    return [*definitions(rows, conditions), *particulars(rows, conditions)]


def definitions(rows: Sequence[Row], conditions: Conditions) -> list[str]:
    """What the columns are; the same each time."""
    said = [
        f"AP: {conditions.images} validation images of dataset {conditions.dataset}.",
        f"ms: median over {conditions.rounds} rounds on {conditions.timed_images} images, from an image's pixels to "
        "detections in memory, resizing included, reading not; all formats take turns. Speed: the median of the "
        "ratios within each round.",
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
    if conditions.is_quantized:
        said.append("The limited graph has fake quantization, which TensorFlow computes besides the network.")
    said += [f"{row.title}: {row.made.note}." for row in rows if row.made.note]
    return said + _reasons(rows)


def _thresholds(rows: Sequence[Row]) -> list[str]:
    """Where files drop scores that count."""
    thresholds = {row.accuracy.score_threshold for row in rows if row.accuracy}
    if all(value is not None and value <= evaluate.NOTEWORTHY_THRESHOLD for value in thresholds):
        return []
    shown = sorted(report.threshold(value) for value in thresholds if value is not None)
    which = f"scores under {' or '.join(shown)}" if shown else "scores under a threshold that they do not tell"
    return [f"The files drop {which}: AP may read lower than that of make eval, which evaluates checkpoints at 1e-8."]


def _reasons(rows: Sequence[Row]) -> list[str]:
    """Those that the table has in part only, each once."""
    titles: dict[str, list[str]] = {}
    for row in rows:
        if reasons.short(row.reason) != row.reason:
            titles.setdefault(row.reason, []).append(row.title)
    return [f"{', '.join(names)}: {reason}." for reason, names in titles.items()]
