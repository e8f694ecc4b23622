"""Measure what was made, and put the table's rows together."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from todus import progress
from todus.benchmark import accuracy, figures, formats, heads, parameters, reasons, timing
from todus.benchmark.accuracy import Accuracy
from todus.benchmark.making import Made
from todus.benchmark.programs import Job
from todus.benchmark.row import Row
from todus.benchmark.timing import Timings
from todus.errors import UserError
from todus.evaluation.validation_set import ValidationSet
from todus.layout import Model


@dataclass(frozen=True)
class Measuring:
    """on: the images to evaluate; whole: all of the dataset; timed: the files of those to time."""

    model: Model
    on: ValidationSet
    whole: ValidationSet
    timed: list[Path]
    threads: int


def measure(measuring: Measuring, made: Sequence[Made]) -> list[Row]:
    """Time first, in processes of their own: what would take this one down with it has failed there."""
    reasons_why = {one.format.name: one.reason for one in made if one.reason}
    with tempfile.TemporaryDirectory(prefix="todus-benchmark-") as work:
        jobs = _jobs(made, measuring.threads, Path(work), reasons_why)
        if jobs:
            progress.say(f"timing {len(jobs)} formats, one image after the other")
        timed = timing.measure(jobs, measuring.timed)
    timings = {name: one for name, one in timed.items() if isinstance(one, Timings)}
    reasons_why.update({name: one for name, one in timed.items() if isinstance(one, str)})
    found = {one.format.name: _accuracy(measuring, one, reasons_why) for one in made if one.format.name in timings}
    return [_row(measuring.model, one, timings, found, reasons_why) for one in made]


def _jobs(made: Sequence[Made], threads: int, work: Path, reasons_why: dict[str, str]) -> dict[str, Job]:
    jobs = {}
    for one in made:
        name = one.format.name
        if name not in reasons_why:
            try:
                jobs[name] = heads.job_of(one.path, threads, work)
            except Exception as error:  # a file that is no good, each kind in its own way
                reasons_why[name] = reasons.of(error)
    return jobs


def _accuracy(measuring: Measuring, one: Made, reasons_why: dict[str, str]) -> Accuracy | None:
    progress.say(f"evaluating {one.format.title}")
    try:
        return accuracy.measure(measuring.model, one, measuring.on, measuring.whole)
    except Exception as error:  # as above
        reasons_why[one.format.name] = reasons.of(error)
        return None


def _row(
    model: Model,
    one: Made,
    timings: Mapping[str, Timings],
    found: Mapping[str, Accuracy | None],
    reasons_why: Mapping[str, str],
) -> Row:
    name = one.format.name
    its_timings, reference = timings.get(name), timings.get(formats.PRETRAINED)
    return Row(
        one,
        _parameters(model, one),
        reasons_why.get(name, ""),
        its_timings,
        figures.of(its_timings, reference) if its_timings else None,
        found.get(name),
    )


def _parameters(model: Model, one: Made) -> int | None:
    """Of the network that a format has; None where there is no file, or somebody has removed the checkpoint."""
    if one.size is None:
        return None
    is_pretrained = one.format.name == formats.PRETRAINED
    try:
        return parameters.count((model.benchmark_pretrained if is_pretrained else model.inference_graph) / "model.ckpt")
    except UserError:
        return None
