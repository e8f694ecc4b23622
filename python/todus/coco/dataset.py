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

from todus import command, download, files, layout, progress
from todus.coco import annotations, build, categories, choice, manifest, options, raw_data, summary
from todus.coco.annotations import GroundTruth
from todus.coco.comparison import compare
from todus.coco.manifest import Parameters
from todus.coco.request import NAMES, SEED, Request
from todus.errors import UserError

__all__ = ["Request", "main", "make"]


def make(request: Request, home: layout.Home) -> bool:
    """Make the dataset, unless it is there already (then False). Raises UserError and WorldError."""
    target, raw = home.dataset(request.name), home.raw_data
    there = manifest.read(target)
    if request.categories is not None and there is None:
        choice.check_before_fetching(request.categories, raw, request.splits[0], request.coco_url)
    if there is not None and not compare(there, request, target, raw).reason:
        _say_what_is_there(target, there, request.coco_url)
        return False
    raw_data.check_source(raw, request.coco_url)
    with files.locked(target.folder.parent):
        return _make(request, raw, target)


def _make(request: Request, raw: layout.RawData, target: layout.Dataset) -> bool:
    started = time.monotonic()
    there = manifest.read(target)
    kept: dict[str, dict] = {}
    if there is not None:
        difference = compare(there, request, target, raw)
        if not difference.reason:  # another run has made it before this one had the lock
            _say_what_is_there(target, there, request.coco_url)
            return False
        kept = difference.kept
        progress.say(f"making {progress.shown(target.folder)} anew: {difference.reason}")
    plan = _plan(request, raw, there, kept)
    _check_boxes({split: made.truth for split, made in plan.new.items()})
    for split, made in plan.new.items():
        names = [image["file_name"] for image in made.truth.images]
        raw_data.images(raw, split, names, request.coco_url, request.fetch, request.connections)
    build.write(plan, raw, target, request.preview, request.processes)
    progress.made(target.folder, started)
    return True


def _plan(request: Request, raw: layout.RawData, there: Mapping | None, kept: Mapping[str, dict]) -> build.Plan:
    """Read the annotations of the splits that are to be made, and choose from them."""
    known: list[dict] = there["known_categories"] if kept else []
    chosen = list(manifest.parameters(there).categories) if kept else []
    new: dict[str, manifest.Split] = {}
    for split in request.splits:
        if split in kept:
            continue
        whole, source = _read(raw, split, request.coco_url)
        path = raw.annotations(split)
        if not known:
            known = whole.categories
            chosen = choice.names_of(known)
            if request.categories is not None:
                chosen = choice.category_names(request.categories, known, path)
        if request.categories is None:
            choice.require_same(known, whole.categories, path, with_ids=True)
            truth, tally = annotations.clean(whole)
        else:
            truth, tally = annotations.limit(whole, chosen, request.negatives, SEED)
        new[split] = manifest.Split(truth, tally, source)
    parameters = Parameters(tuple(chosen), request.splits, request.negatives, SEED, request.masks)
    return build.Plan(parameters, known, new, dict(kept))


def _read(raw: layout.RawData, split: str, coco_url: str) -> tuple[GroundTruth, manifest.Source]:
    path = raw_data.annotations(raw, split, coco_url)
    progress.say(f"reading {progress.shown(path)}")
    data = path.read_bytes()
    source = manifest.Source(path.name, len(data), hashlib.sha256(data).hexdigest())
    truth = annotations.parse(data, path)
    annotations.require_boxes(truth, split, path)
    return truth, source


def _check_boxes(truths: Mapping[str, GroundTruth]) -> None:
    """Refuse a split left without images and a training split without a box; warn of categories that are not shown."""
    for split, truth in truths.items():
        if not truth.is_annotated:
            continue
        shown = {annotation.category_id for annotation in truth.boxes}
        if not truth.images or (not shown and split == "train"):
            without = " or leave it out of SPLITS" if split != "train" else ""
            raise UserError(f"no {split} image shows any of the chosen categories; choose others (CATEGORIES){without}")
        without = [category["name"] for category in truth.categories if category["id"] not in shown]
        if without:
            progress.say(f"warning: no {split} image shows {', '.join(without)}")


def _say_what_is_there(target: layout.Dataset, there: Mapping, coco_url: str) -> None:
    progress.say(f"{manifest.parameters(there).describe()} ({summary.counts(there)})")
    sources = {entry["coco_url"]: None for entry in there["splits"].values()}
    for source in sources:
        if source is not None and not raw_data.same_source(source, coco_url):
            progress.say(f"note: it was made from {source}, not from {coco_url}")
    progress.already_there(target.folder, "delete it to make it anew")


def _parser() -> argparse.ArgumentParser:
    parser = command.parser(__doc__)
    parser.add_argument("name", choices=NAMES)
    options.add(parser, "for limited", None)
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
    given = _parser().parse_args(sys.argv[1:] if arguments is None else arguments)
    if given.name == "complete" and given.categories is not None:
        raise UserError("a complete dataset has all categories; leave out --categories, or make a limited one")
    if given.name == "complete" and given.negatives:
        raise UserError("a complete dataset has all images; leave out NEGATIVES, or make a limited one")
    text = None
    if given.name == "limited":
        text = categories.DEFAULT if given.categories is None else given.categories
    home = layout.Home(given.home)
    request = Request(
        name=given.name,
        categories=text,
        splits=choice.splits(given.splits),
        coco_url=given.coco_url,
        fetch=given.fetch,
        connections=given.connections,
        negatives=given.negatives,
        masks=given.masks,
        preview=given.preview,
        processes=given.processes,
    )
    make(request, home)
    dataset = " DATASET=complete" if given.name == "complete" else ""
    progress.next_step(f"make model MODEL=ssd_mobilenet_v2_coco_2018_03_29{dataset}{command.elsewhere(home)}")


if __name__ == "__main__":
    command.run(main)
