"""Time a step of training beside the plain loop around the Object Detection API, and the cut head beside a fresh one.

    python -m todus.bench.training [--only speed|head] [--profile] [--sample FOLDER] [--steps 30] [--runs 3]

speed: SSD MobileNet v1, 300x300, 90 classes, batch 8, as the zoo trained it. Each job is a process of its own; of
several runs the fastest counts, and the runs of the two sides take turns. Both have to have the same loss and the same
gradients on the same batch. --profile shows which operations the time goes to. FOLDER holds images in COCO's layout
(train2017/, annotations/instances_train2017.json); without it, drawn images are taken.

head: steps until the demo's little model is as good as it was before its head was cut, from the cut head and from heads
begun anew.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path

from todus import command, layout, markdown, progress
from todus.bench import dataset, head, measured
from todus.errors import UserError, WorldError

JOBS = "todus.bench.training_jobs"
BATCH = 8  # images a step
STEPS, RUNS = 30, 3
SAME_LOSS, SAME_GRADIENT = 1e-4, 1e-3  # relative: the order of float operations differs
SHOWN = 16  # operations in the profile


def speed(records: str, steps: int, runs: int, *model: object) -> str:
    """The table: steps a second of both sides. `model`: arguments of the jobs that make it another.

    Raises WorldError if the two do not train alike.
    """
    progress.say("loss and gradients of both sides")
    apart = require_same(told("difference", records, *model))
    taken: dict[str, list[dict[str, float]]] = {"plain": [], "todus": []}
    for turn in range(runs):
        for side, into in taken.items():
            progress.say(f"{side}, run {turn + 1} of {runs}")
            into.append(told("steps", side, records, "--steps", steps, *model))
    rows = [
        _row("by the clock", "seconds", taken),
        _row("by processor time", "processor_seconds", taken),
    ]
    title = f"Training: steps/s of {BATCH} images, SSD MobileNet v1, 300x300, 90 classes, median of {steps} steps"
    return "\n".join([title, "", *markdown.table(["", "plain loop", "Todus", "ratio"], rows), "", apart])


def told(job: str, *arguments: object) -> dict:
    """The figures of a job, in a process of its own."""
    return json.loads(measured.run(JOBS, job, *arguments).output.splitlines()[-1])


def require_same(apart: dict[str, float]) -> str:
    """Say how far apart loss and gradients of the two sides are. Raises WorldError if that is too far."""
    said = f"on the same batch the loss differs by {apart['loss']:.1e} of it, no gradient by more than "
    said += f"{apart['gradient']:.1e} of its norm"
    if not (apart["loss"] <= SAME_LOSS and apart["gradient"] <= SAME_GRADIENT):
        raise WorldError(f"the two sides do not train alike: {said}")
    return f"({said[0].upper()}{said[1:]}.)"


def _row(label: str, figure: str, taken: dict[str, list[dict[str, float]]]) -> list[str]:
    plain, ours = (min(run[figure] for run in runs) for runs in taken.values())
    return [label, f"{1 / plain:.2f}", f"{1 / ours:.2f}", f"{plain / ours:.2f} x"]


def profile(records: str) -> str:
    """The table: which operations take how long, on both sides."""
    sides = []
    for side in ("plain", "todus"):
        progress.say(f"{side}, profile")
        sides.append(told("profile", side, records))
    nothing = [0, 0.0]
    names = sorted({*sides[0], *sides[1]}, key=lambda name: -max(side.get(name, nothing)[1] for side in sides))
    rows = [[name, *_cells(*(side.get(name, nothing) for side in sides))] for name in names[:SHOWN]]
    rest = [[sum(side.get(name, nothing)[i] for name in names[SHOWN:]) for i in (0, 1)] for side in sides]
    everything = [[sum(figures[i] for figures in side.values()) for i in (0, 1)] for side in sides]
    rows += [["all others", *_cells(*rest)], ["sum", *_cells(*everything)]]
    title = "Operations of a step: how many, and their milliseconds together (some run side by side)"
    return "\n".join([title, "", *markdown.table(["", "plain", "ms", "Todus", "ms"], rows)])


def _cells(*sides: list[float]) -> list[str]:
    return [text for count, milliseconds in sides for text in (f"{count:.0f}", f"{milliseconds:.1f}")]


def written(sample: Path, work: Path) -> str:
    """Write the training images of the sample to records below `work`; the pattern of their names."""
    from todus.coco import annotations
    from todus.coco.records import writer

    source = layout.RawData(sample)
    if not source.annotations("train").is_file():
        raise UserError(f"{sample} holds no annotations/instances_train2017.json; give a folder in COCO's layout")
    truth, _ = annotations.clean(annotations.load(source.annotations("train")))
    target = layout.Dataset(work / "records")
    writer.write_split(truth, source.images("train"), target, "train")
    return str(target.folder / target.records_pattern("train"))


def main() -> None:
    parser = command.parser(__doc__)
    parser.add_argument("--only", choices=["speed", "head"], help="one of the two (default: both)")
    parser.add_argument("--profile", action="store_true", help="show which operations the time goes to")
    parser.add_argument("--sample", type=Path, metavar="FOLDER", help="COCO images to take (default: drawn ones)")
    parser.add_argument("--steps", type=command.positive(int), default=STEPS, help="that are timed (%(default)s)")
    parser.add_argument("--runs", type=command.positive(int), default=RUNS, help="of each side (%(default)s)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="todus-bench-") as folder:
        work = Path(folder)
        tables = [part() for part in parts(given, work)]
    progress.say("\n\n" + "\n\n".join(tables))


def parts(given, work: Path) -> list[Callable[[], str]]:
    chosen: list[Callable[[], str]] = []
    if given.only in (None, "speed"):
        records = written(given.sample.resolve() if given.sample else dataset.drawn_sample(work), work)
        chosen.append(lambda: speed(records, given.steps, given.runs))
        if given.profile:
            chosen.append(lambda: profile(records))
    if given.only in (None, "head"):
        chosen.append(lambda: head.table(layout.CHECKOUT / "demo", work / "head", head.STEPS))
    return chosen


if __name__ == "__main__":
    command.run(main)
