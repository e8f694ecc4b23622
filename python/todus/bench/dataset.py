"""Time the making of datasets beside what one would otherwise use: records, annotations, fetching.

    python -m todus.bench.dataset [--only records|filter|fetch] [--sample FOLDER] [--images 2000] [--runs 3]

Each job is a process of its own, from the start of Python to its end; of several runs the fastest counts, and the runs
of the two sides take turns. FOLDER holds images in COCO's layout (train2017/, annotations/instances_train2017.json),
which are repeated under new names until there are enough; without it, drawn images are taken.
"""

from __future__ import annotations

import json
import os
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from todus import command, layout, markdown, progress
from todus.bench import full_size, measured
from todus.demo import mini_coco
from todus.errors import UserError

JOBS = "todus.bench.jobs"
IMAGES = 2000
RUNS = 3
FAULTS = 0.05
ONE_BY_ONE = 4  # times fewer images for the way that fetches one after the other


def records(work: Path, sample: Path, images: int, runs: int) -> str:
    """Writing records, against the Object Detection API's own writer, with and without masks."""
    annotation_file, folder = repeated(sample, work / "images", images)
    best = {}
    for masks in ("boxes", "masks"):
        taken: dict[str, list[measured.Measurement]] = {"api-records": [], "our-records": []}
        for turn in range(runs):
            for job, measurements in taken.items():
                progress.say(f"records with {masks}, {job}, run {turn + 1} of {runs}")
                output = work / f"{job}-{masks}-{turn}"
                measurements.append(measured.run(JOBS, job, annotation_file, folder, output, masks))
        best.update({(job, masks): measured.fastest(measurements) for job, measurements in taken.items()})

    def row(label: str, their_masks: str, our_masks: str) -> list[str]:
        theirs, ours = best["api-records", their_masks], best["our-records", our_masks]
        return [label, _rate(images, theirs), _rate(images, ours), _ratio(theirs.seconds, ours.seconds)]

    rows = [
        row("without masks", "boxes", "boxes"),
        row("with masks", "masks", "masks"),
        row("each as it comes: the API's with masks, Todus's without", "masks", "boxes"),
    ]
    return f"Records: images/s, whole process, {images:,} images\n\n" + _table(
        ["records", "the API's writer", "Todus", "ratio"], rows
    )


def annotations(work: Path, runs: int) -> str:
    """Reading, filtering and writing an annotation file of COCO's full size, against json and a loop."""
    path = work / "full.json"
    full_size.write(path)
    size = path.stat().st_size
    plain, ours = [], []
    for turn in range(runs):
        for job, into in (("plain-filter", plain), ("our-filter", ours)):
            progress.say(f"filter, {job}, run {turn + 1} of {runs}")
            into.append(measured.run(JOBS, job, path, work / "filtered.json"))
    plain, ours = measured.fastest(plain), measured.fastest(ours)
    peaks = [progress.human_size(side.peak_bytes) for side in (plain, ours)]
    rows = [
        ["seconds", f"{plain.seconds:.1f}", f"{ours.seconds:.1f}", _ratio(plain.seconds, ours.seconds)],
        ["peak memory", *peaks, _ratio(plain.peak_bytes, ours.peak_bytes)],
    ]
    title = f"Filter and write: {full_size.ANNOTATIONS:,} annotations, {progress.human_size(size)}, 9 categories"
    return f"{title}\n\n" + _table(["", "json and a loop", "Todus", "ratio"], rows)


def fetching(work: Path, sample: Path, images: int, runs: int) -> str:
    """Fetching single images from this machine, against one after the other; ours from a server with faults too."""
    _, folder = repeated(sample, work / "images", images)
    names = sorted(path.name for path in folder.iterdir())
    few, all_names = work / "few.json", work / "all.json"
    few.write_text(json.dumps(names[: images // ONE_BY_ONE]))
    all_names.write_text(json.dumps(names))
    rates: dict[str, float] = {}
    for turn in range(runs):
        for label, job, wanted, faults in (
            ("one after the other", "plain-fetch", few, 0.0),
            ("Todus", "our-fetch", all_names, 0.0),
            (f"Todus, {FAULTS:.0%} faults", "our-fetch", all_names, FAULTS),
        ):
            progress.say(f"fetch, {label}, run {turn + 1} of {runs}")
            output = work / f"{job}-{faults}-{turn}"
            with _served(folder, faults) as url:
                run = measured.run(JOBS, job, wanted, url, output)
            asked_for = json.loads(wanted.read_text())
            require_intact(output, folder, asked_for)
            rates[label] = max(rates.get(label, 0.0), len(asked_for) / run.seconds)
    slowest = rates["one after the other"]
    rows = [[label, f"{rate:,.0f}", f"{rate / slowest:.1f} x"] for label, rate in rates.items()]
    return f"Fetch: images/s from this machine, {images:,} images, all intact\n\n" + _table(
        ["", "images/s", "ratio"], rows
    )


def repeated(sample: Path, folder: Path, count: int) -> tuple[Path, Path]:
    """`count` images with their annotations, those of the sample again and again; (annotation file, images folder)."""
    annotation_file = folder.with_suffix(".json")
    if annotation_file.exists():
        return annotation_file, folder
    source = layout.RawData(sample)
    if not source.annotations("train").is_file():
        raise UserError(f"{sample} holds no annotations/instances_train2017.json; give a folder in COCO's layout")
    whole = json.loads(source.annotations("train").read_text(encoding="utf-8"))
    by_image: dict[int, list[dict]] = {image["id"]: [] for image in whole["images"]}
    for annotation in whole["annotations"]:
        by_image[annotation["image_id"]].append(annotation)
    folder.mkdir()
    images, annotations = [], []
    for number in range(1, count + 1):
        image = whole["images"][number % len(whole["images"])]
        name = f"{number:012d}.jpg"
        os.link(_local(source.images("train") / image["file_name"], folder.parent), folder / name)
        images.append({**image, "id": number, "file_name": name})
        annotations += [
            {**annotation, "image_id": number, "id": len(annotations) + i}
            for i, annotation in enumerate(by_image[image["id"]], start=1)
        ]
    annotation_file.write_text(json.dumps({**whole, "images": images, "annotations": annotations}))
    return annotation_file, folder


def _local(image: Path, work: Path) -> Path:
    """A copy of the image that may be linked to."""
    copy = work / f"sample-{image.name}"
    if not copy.exists():
        copy.write_bytes(image.read_bytes())
    return copy


@contextmanager
def _served(folder: Path, faults: float) -> Iterator[str]:
    """Serve `folder` from a process of its own; yields the address."""
    with measured.start("todus.bench.faulty_mirror", folder, "--faults", faults) as server:
        try:
            yield server.stdout.readline().strip()
        finally:
            server.kill()


def require_intact(output: Path, source: Path, names: Sequence[str]) -> None:
    """Raise UserError unless just the files `names` came, and each is what it should be."""
    came = {path.name for path in output.iterdir()}
    if came != set(names):
        raise UserError(f"{len(came & set(names))} of {len(names)} files came, and {len(came - set(names))} others")
    bad = [name for name in names if (output / name).read_bytes() != (source / name).read_bytes()]
    if bad:
        raise UserError(f"{len(bad)} of {len(names)} files are not intact, {bad[0]} for one")


def _table(head: list[str], rows: list[list[str]]) -> str:
    return "\n".join(markdown.table(head, rows))


def _rate(images: int, run: measured.Measurement) -> str:
    return f"{images / run.seconds:,.0f}"


def _ratio(theirs: float, ours: float) -> str:
    return f"{theirs / ours:.1f} x"


def drawn_sample(work: Path, images: int = 160, split: str = "train") -> Path:
    """Drawn images in COCO's layout, where there are no photographs at hand; they are smaller than COCO's."""
    mirror = work / "mini-coco"
    mini_coco.generate(mirror, **{"train_images": 1, "val_images": 1, f"{split}_images": images})
    sample = work / "sample"
    (sample / "annotations").mkdir(parents=True)
    with zipfile.ZipFile(mirror / "annotations" / "annotations_trainval2017.zip") as archive:
        archive.extractall(sample)
    (sample / f"{split}2017").symlink_to(mirror / f"{split}2017")
    return sample


def main() -> None:
    parser = command.parser(__doc__)
    parser.add_argument("--only", choices=["records", "filter", "fetch"], help="one of the three (default: all)")
    parser.add_argument("--sample", type=Path, metavar="FOLDER", help="COCO images to take (default: drawn ones)")
    parser.add_argument("--images", type=command.positive(int), default=IMAGES, help="how many (%(default)s)")
    parser.add_argument("--runs", type=command.positive(int), default=RUNS, help="of each job (%(default)s)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="todus-bench-") as folder:
        work = Path(folder)
        sample = given.sample.resolve() if given.sample else drawn_sample(work)
        parts: dict[str, Callable[[], str]] = {
            "records": lambda: records(work, sample, given.images, given.runs),
            "filter": lambda: annotations(work, given.runs),
            "fetch": lambda: fetching(work, sample, given.images, given.runs),
        }
        tables = [part() for name, part in parts.items() if given.only in (None, name)]
    progress.say("\n\n" + "\n\n".join(tables))


if __name__ == "__main__":
    command.run(main)
