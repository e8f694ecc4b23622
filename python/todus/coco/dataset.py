"""Make dataset/mscoco/limited (some categories) or dataset/mscoco/complete (all of COCO).

    python -m todus.coco.dataset limited --categories "bear horse giraffe" --splits "train val"
    python -m todus.coco.dataset complete

Fetches what is missing of COCO, filters the annotations, and leaves TFRecord files, annotations, the label map, two
pictures, and dataset.json, which says what made it. Run again, it goes on where it was interrupted, does only what has
changed, or says what is already there.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from todus import command, download, files, layout, progress
from todus.coco import annotations, build, categories, choice, manifest, raw_data, summary
from todus.coco.annotations import GroundTruth
from todus.coco.manifest import Parameters
from todus.errors import UserError

NAMES = ("complete", "limited")
SEED = 0  # of the negatives: the same ones each time


@dataclass(frozen=True)
class Request:
    """What the user asked for. `categories` is the text as typed; None for a complete dataset."""

    name: str
    categories: str | None
    splits: tuple[str, ...]
    coco_url: str = raw_data.DEFAULT_URL
    fetch: str = raw_data.AUTO
    connections: int = download.WORKERS
    negatives: float = 0.0
    masks: bool = False
    preview: bool = True
    processes: int | None = None  # that write records; None: one a core


def make(request: Request, home: layout.Home) -> bool:
    """Make the dataset, unless it is there already (then False). Raises UserError and WorldError."""
    target = home.dataset(request.name)
    there = manifest.read(target)
    if there is not None and not _compare(there, request, target, home.raw_data)[0]:
        _say_what_is_there(target, there, request.coco_url)
        return False
    raw_data.check_source(home.raw_data, request.coco_url)
    with files.locked(target.folder.parent):
        _make(request, home.raw_data, target)
    return True


def _make(request: Request, raw: layout.RawData, target: layout.Dataset) -> None:
    started = time.monotonic()
    there = manifest.read(target)
    kept: dict[str, dict] = {}
    if there is not None:
        difference, kept = _compare(there, request, target, raw)
        progress.say(f"making {progress.shown(target.folder)} anew: {difference}")
    plan = _plan(request, raw, there, kept)
    _check_boxes({split: made.truth for split, made in plan.new.items()})
    for split, made in plan.new.items():
        names = [image["file_name"] for image in made.truth.images]
        raw_data.images(raw, split, names, request.coco_url, request.fetch, request.connections)
    build.write(plan, raw, target, request.preview, request.processes)
    progress.made(target.folder, started)


def _compare(
    there: Mapping, request: Request, target: layout.Dataset, raw: layout.RawData
) -> tuple[str, dict[str, dict]]:
    """Why the dataset on disk is not the one asked for, or ''; and the entries of those splits that can stay.

    Looks at dataset.json and the names of files only.
    """
    was = manifest.parameters(there)
    wanted = was.categories
    if request.categories is not None:
        wanted = tuple(
            choice.category_names(request.categories, there["known_categories"], raw.annotations(request.splits[0]))
        )
    asked = Parameters(wanted, request.splits, request.negatives, request.masks)
    lost = manifest.lost_files(target, was.splits)
    same = (asked.categories, asked.negatives, asked.masks) == (was.categories, was.negatives, was.masks)
    kept = {s: there["splits"][s] for s in request.splits if same and s in was.splits and s not in lost}
    if not same or set(was.splits) != set(request.splits):
        return f"it was made for {was.describe()}", kept
    return f"{max(lost.values())} of its files are gone" if lost else "", kept


def _plan(request: Request, raw: layout.RawData, there: Mapping | None, kept: Mapping[str, dict]) -> build.Plan:
    """Read the annotations of the splits that are to be made, and choose from them."""
    known: list[dict] = there["known_categories"] if kept else []
    chosen = list(manifest.parameters(there).categories) if kept else []
    new: dict[str, manifest.Split] = {}
    for split in request.splits:
        if split in kept:
            continue
        whole, source = _read(raw, split, request.coco_url)
        if not known:
            known = whole.categories
            path = raw.annotations(split)
            chosen = (
                _names(known) if request.categories is None else choice.category_names(request.categories, known, path)
            )
        if request.categories is None:
            if _names(whole.categories) != _names(known):
                raise UserError(f"{source.file} has other categories than the split before it; they do not match")
            truth, tally = annotations.clean(whole)
        else:
            truth, tally = annotations.limit(whole, chosen, request.negatives, SEED)
        new[split] = manifest.Split(truth, tally, source)
    parameters = Parameters(tuple(chosen), request.splits, request.negatives, request.masks)
    return build.Plan(parameters, known, new, dict(kept))


def _read(raw: layout.RawData, split: str, coco_url: str) -> tuple[GroundTruth, manifest.Source]:
    path = raw_data.annotations(raw, split, coco_url)
    progress.say(f"reading {progress.shown(path)}")
    data = path.read_bytes()
    source = manifest.Source(path.name, len(data), hashlib.sha256(data).hexdigest())
    return annotations.parse(data, path), source


def _names(known: Sequence[Mapping]) -> list[str]:
    return [category["name"] for category in known]


def _check_boxes(truths: Mapping[str, GroundTruth]) -> None:
    """Refuse a training split without a box; warn of categories that a split does not show."""
    for split, truth in truths.items():
        if not truth.is_annotated:
            continue
        shown = {annotation.category_id for annotation in truth.boxes}
        if not shown and split == "train":
            raise UserError("no train image shows any of the chosen categories; choose others (CATEGORIES)")
        without = [category["name"] for category in truth.categories if category["id"] not in shown]
        if without:
            progress.say(f"warning: no {split} image shows {', '.join(without)}")


def _say_what_is_there(target: layout.Dataset, there: Mapping, coco_url: str) -> None:
    progress.say(f"{manifest.parameters(there).describe()} ({summary.counts(there)})")
    if there["coco_url"] is not None and not raw_data.same_source(there["coco_url"], coco_url):
        progress.say(f"note: it was made from {there['coco_url']}, not from {coco_url}")
    progress.already_there(target.folder, "delete it to make it anew")


def _parser() -> argparse.ArgumentParser:
    parser = command.parser(__doc__)
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("--categories", metavar="NAMES", help=f"for limited (default: {categories.DEFAULT})")
    parser.add_argument(
        "--splits", default=choice.DEFAULT_SPLITS, help="of train, val and testdev (default: %(default)s)"
    )
    parser.add_argument(
        "--coco-url", default=raw_data.DEFAULT_URL, metavar="URL", help="COCO or a mirror (default: %(default)s)"
    )
    parser.add_argument(
        "--fetch", choices=raw_data.WAYS, default=raw_data.AUTO, help="images one by one, or their archive"
    )
    parser.add_argument(
        "--connections",
        type=command.positive(int),
        default=download.WORKERS,
        metavar="N",
        help="images fetched at once (%(default)s)",
    )
    parser.add_argument(
        "--negatives",
        type=command.share,
        default=0.0,
        metavar="SHARE",
        help="for limited: keep this share of the images without any chosen category too, 0 to 1 (default: 0)",
    )
    parser.add_argument("--masks", type=command.switch, default=False, metavar="0|1", help="records with masks")
    parser.add_argument("--preview", type=command.switch, default=True, metavar="0|1", help="draw the two pictures")
    parser.add_argument(
        "--processes", type=command.positive(int), metavar="N", help="that write records (default: one a core)"
    )
    return parser


def main(arguments: Sequence[str] | None = None) -> None:
    options = _parser().parse_args(sys.argv[1:] if arguments is None else arguments)
    if options.name == "complete" and options.categories is not None:
        raise UserError("a complete dataset has all categories; leave out --categories, or make a limited one")
    if options.name == "complete" and options.negatives:
        raise UserError("a complete dataset has all images; leave out NEGATIVES, or make a limited one")
    text = None
    if options.name == "limited":
        text = categories.DEFAULT if options.categories is None else options.categories
    home = layout.Home(options.home)
    request = Request(
        name=options.name,
        categories=text,
        splits=choice.splits(options.splits),
        coco_url=options.coco_url,
        fetch=options.fetch,
        connections=options.connections,
        negatives=options.negatives,
        masks=options.masks,
        preview=options.preview,
        processes=options.processes,
    )
    make(request, home)
    dataset = " DATASET=complete" if options.name == "complete" else ""
    progress.next_step(f"make model MODEL=ssd_mobilenet_v2_coco_2018_03_29{dataset}{command.elsewhere(home)}")


if __name__ == "__main__":
    command.run(main)
