"""Make dataset/mscoco/limited (some categories) or dataset/mscoco/complete (all of COCO).

    python -m todus.coco.dataset limited --categories "bear horse giraffe" --splits "train val"
    python -m todus.coco.dataset complete

Fetches what is missing of COCO, filters the annotations, and leaves TFRecord files, annotations, the label map, and
dataset.json, which says what made it. Run again, it goes on where it was interrupted, or says what is already there.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from json import JSONDecodeError, loads
from pathlib import Path

from todus import command, download, files, layout, progress
from todus.coco import annotations, categories, label_map, raw_data, records
from todus.errors import UserError

FORMAT = 1  # of dataset.json and of what it stands for; a dataset of another format is made anew
NAMES = ("complete", "limited")
DEFAULT_SPLITS = "train val"


@dataclass(frozen=True)
class Request:
    """What the user asked for. `categories` is the text as typed; None for a complete dataset."""

    name: str
    categories: str | None
    splits: tuple[str, ...]
    coco_url: str = raw_data.DEFAULT_URL
    workers: int = download.WORKERS


def make(request: Request, home: layout.Home) -> bool:
    """Make the dataset, unless it is there already (then False). Raises UserError and WorldError."""
    started = time.monotonic()
    target = home.dataset(request.name)
    manifest = read_manifest(target)
    if manifest is not None:
        difference = _difference(manifest, request, target, home.raw_data)
        if not difference:
            _say_what_is_there(target, manifest, request.coco_url)
            return False
    raw_data.check_source(home.raw_data, request.coco_url)
    if manifest is not None:
        progress.say(f"making {progress.shown(target.folder)} anew: {difference}")
    kept, tallies, known = _select(request, home.raw_data)
    _check_boxes(kept)
    for split, dataset in kept.items():
        _see_to_images(request, home.raw_data, split, dataset)
    with files.atomic_folder(target.folder) as folder:
        unfinished = layout.Dataset(folder)
        written = {}
        for split, dataset in kept.items():
            files.write_json(unfinished.annotations(split), dataset)
            written[split] = records.write_split(dataset, home.raw_data.images(split), unfinished, split)
        first = next(iter(kept.values()))
        label_map.write(unfinished.label_map, label_map.LabelMap.of(first["categories"]))
        manifest = _manifest(request, raw_data.source(home.raw_data), known, kept, tallies, written)
        files.write_json(unfinished.manifest, manifest, indent=1)
    _report(kept, manifest)
    progress.made(target.folder, started)
    return True


def read_manifest(dataset: layout.Dataset) -> dict | None:
    """The dataset's dataset.json, or None if there is no whole dataset of this format."""
    try:
        manifest = loads(dataset.manifest.read_text(encoding="utf-8"))
    except (FileNotFoundError, JSONDecodeError, UnicodeDecodeError):
        return None
    return manifest if isinstance(manifest, dict) and manifest.get("format") == FORMAT else None


def _difference(manifest: Mapping, request: Request, target: layout.Dataset, raw: layout.RawData) -> str:
    """Why the dataset on disk is not the one asked for, or ''; looks at dataset.json and the names of files only."""
    same = set(manifest["splits"]) == set(request.splits)
    if request.categories is not None:
        asked = _resolve(request.categories, manifest["known_categories"], raw.annotations(request.splits[0]))
        same = same and asked == _names(manifest["categories"])
    if not same:
        return f"it was made for {_describe(manifest)}"
    there = {str(path.relative_to(target.folder)) for path in target.folder.rglob("*")}
    wanted = [target.label_map, *(target.annotations(split) for split in request.splits)]
    wanted += [target.record(split, shard) for split in request.splits for shard in range(layout.SHARDS[split])]
    lost = sum(str(path.relative_to(target.folder)) not in there for path in wanted)
    return f"{lost} of its files are gone" if lost else ""


def _select(request: Request, raw: layout.RawData) -> tuple[dict[str, dict], dict[str, annotations.Tally], list[dict]]:
    """Per split: the part of COCO that was asked for, and what was skipped; last, all categories of COCO."""
    kept: dict[str, dict] = {}
    tallies: dict[str, annotations.Tally] = {}
    known: list[dict] = []
    chosen: list[str] = []
    for split in request.splits:
        path = raw_data.annotations(raw, split, request.coco_url)
        progress.say(f"reading {progress.shown(path)}")
        whole = annotations.load(path)
        if not known:
            known = whole["categories"]
            if request.categories is not None:
                chosen = _resolve(request.categories, known, path)
        if request.categories is None:
            if whole["categories"] != known:
                raise UserError(f"{path} has other categories than the split before it; the splits do not match")
            kept[split], tallies[split] = annotations.clean(whole)
        else:
            kept[split], tallies[split] = annotations.limit(whole, chosen)
    return kept, tallies, known


def _resolve(text: str, known: Sequence[Mapping], annotation_file: Path) -> list[str]:
    """The names of the categories that `text` means."""
    official = list(label_map.read(layout.COCO_LABEL_MAP).names.values()) == _names(known)
    listed_in = progress.shown(layout.COCO_LABEL_MAP if official else annotation_file)
    return _names(categories.parse(text, known, listed_in))


def _names(known: Sequence[Mapping]) -> list[str]:
    return [category["name"] for category in known]


def _check_boxes(kept: Mapping[str, Mapping]) -> None:
    """Refuse a training split without a box; warn of categories that a split does not show."""
    for split, dataset in kept.items():
        if "annotations" not in dataset:
            continue
        shown = {annotation["category_id"] for annotation in dataset["annotations"]}
        if not shown and split == "train":
            raise UserError("no train image shows any of the chosen categories; choose others (CATEGORIES)")
        without = [category["name"] for category in dataset["categories"] if category["id"] not in shown]
        if without:
            progress.say(f"warning: no {split} image shows {', '.join(without)}")


def _see_to_images(request: Request, raw: layout.RawData, split: str, dataset: Mapping) -> None:
    names = [image["file_name"] for image in dataset["images"]]
    if request.name == "complete":
        raw_data.all_images(raw, split, names, request.coco_url)
    else:
        raw_data.single_images(raw, split, names, request.coco_url, request.workers)


def _manifest(
    request: Request,
    source: str | None,
    known: Sequence[Mapping],
    kept: Mapping[str, Mapping],
    tallies: Mapping[str, annotations.Tally],
    written: Mapping[str, records.Written],
) -> dict:
    source_ids = {category["name"]: category["id"] for category in known}
    first = next(iter(kept.values()))
    return {
        "name": request.name,
        "format": FORMAT,
        "coco_url": source,  # null: of files that the user has put there himself
        "categories": [
            {
                "id": category["id"],
                "name": category["name"],
                "supercategory": category.get("supercategory", ""),
                "source_id": source_ids[category["name"]],
            }
            for category in first["categories"]
        ],
        "splits": {
            split: {
                **asdict(written[split]),
                "clipped": tallies[split].clipped,
                "skipped": dict(sorted(tallies[split].skipped.items())),
                "shards": layout.SHARDS[split],
            }
            for split in kept
        },
        "known_categories": [
            {"id": c["id"], "name": c["name"], "supercategory": c.get("supercategory", "")} for c in known
        ],
    }


def _describe(manifest: Mapping) -> str:
    names = _names(manifest["categories"])
    listing = ", ".join(names) if len(names) <= 12 else f"{len(names)} categories"
    return f"{listing}; {' '.join(manifest['splits'])}"


def _say_what_is_there(target: layout.Dataset, manifest: Mapping, coco_url: str) -> None:
    counts = "; ".join(
        f"{split}: {part['images']:,} images, {part['annotations']:,} boxes"
        for split, part in manifest["splits"].items()
    )
    progress.say(f"{_describe(manifest)} ({counts})")
    if manifest["coco_url"] is not None and not raw_data.same_source(manifest["coco_url"], coco_url):
        progress.say(f"note: it was made from {manifest['coco_url']}, not from {coco_url}")
    progress.already_there(target.folder, "delete it to make it anew")


def _report(kept: Mapping[str, Mapping], manifest: Mapping) -> None:
    """The table of what was kept, and what was not."""
    splits = [split for split, dataset in kept.items() if "annotations" in dataset]
    if splits:
        progress.say("\n".join(_table(kept, splits)))
    for split, part in manifest["splits"].items():
        if split not in splits:
            progress.say(f"{split} has no annotations: all its {part['images']:,} images are kept")
        if part["clipped"]:
            progress.say(f"{split}: {part['clipped']:,} boxes clipped to their image")
        for reason, count in part["skipped"].items():
            progress.say(f"{split}: {count:,} skipped: {reason}")
        if part["size_differs"]:
            progress.say(f"warning: {part['size_differs']:,} {split} images are not of the size in the annotation file")


def _table(kept: Mapping[str, Mapping], splits: Sequence[str]) -> list[str]:
    """Images and boxes per category and split; an image counts for each category that it shows."""
    boxes = {s: Counter(a["category_id"] for a in kept[s]["annotations"]) for s in splits}
    shown = {s: {(a["image_id"], a["category_id"]) for a in kept[s]["annotations"]} for s in splits}
    images = {s: Counter(category for _, category in shown[s]) for s in splits}
    all_categories = kept[splits[0]]["categories"]
    width = max(len("category"), *(len(category["name"]) for category in all_categories))
    lines = [f"{'category':{width}}" + "".join(f"{f'{s} images':>14}{f'{s} boxes':>14}" for s in splits)]
    for category in all_categories:
        number = category["id"]
        cells = "".join(f"{images[s][number]:>14,}{boxes[s][number]:>14,}" for s in splits)
        lines.append(f"{category['name']:{width}}{cells}")
    totals = "".join(f"{len(kept[s]['images']):>14,}{len(kept[s]['annotations']):>14,}" for s in splits)
    return [*lines, f"{'all':{width}}{totals}"]


def _splits(text: str) -> tuple[str, ...]:
    names = text.replace(",", " ").split()
    unknown = [name for name in names if name not in layout.SHARDS]
    if unknown or not names:
        what = f"unknown split {', '.join(unknown)}" if unknown else "no splits are given"
        raise UserError(f"{what}; SPLITS takes {' '.join(layout.SHARDS)}")
    return tuple(split for split in layout.SHARDS if split in names)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = command.parser(__doc__)
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("--categories", metavar="NAMES", help=f"for limited (default: {categories.DEFAULT})")
    parser.add_argument("--splits", default=DEFAULT_SPLITS, help="of train, val and testdev (default: %(default)s)")
    parser.add_argument(
        "--coco-url", default=raw_data.DEFAULT_URL, metavar="URL", help="COCO or a mirror (default: %(default)s)"
    )
    parser.add_argument(
        "--workers",
        type=command.positive(int),
        default=download.WORKERS,
        metavar="N",
        help="images fetched at once (%(default)s)",
    )
    options = parser.parse_args(sys.argv[1:] if arguments is None else arguments)
    if options.name == "complete" and options.categories is not None:
        raise UserError("a complete dataset has all categories; leave out --categories, or make a limited one")
    text = None
    if options.name == "limited":
        text = categories.DEFAULT if options.categories is None else options.categories
    home = layout.Home(options.home)
    make(Request(options.name, text, _splits(options.splits), options.coco_url, options.workers), home)
    choice = " DATASET=complete" if options.name == "complete" else ""
    progress.next_step(f"make model MODEL=ssd_mobilenet_v2_coco_2018_03_29{choice}{command.elsewhere(home)}")


if __name__ == "__main__":
    command.run(main)
