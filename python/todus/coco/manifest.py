"""dataset.json: what made a dataset, and what became of it. Written last: where it is, the dataset is whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from json import loads
from pathlib import Path

import todus
from todus import layout
from todus.coco import annotations, manifest_shape
from todus.coco.records import writer

FORMAT = 3  # of dataset.json and of what it stands for; a dataset of another format is made anew


@dataclass(frozen=True)
class Parameters:
    """What a dataset depends on besides the raw files. `categories` are the names in the file's order."""

    categories: tuple[str, ...]
    splits: tuple[str, ...]
    negatives: float
    seed: int  # of the negatives
    masks: bool

    def describe(self) -> str:
        few = len(self.categories) <= 12
        parts = [", ".join(self.categories) if few else f"{len(self.categories)} categories", " ".join(self.splits)]
        parts += [f"{self.negatives:.3g} of the negatives"] if self.negatives else []
        parts += ["masks"] if self.masks else []
        return "; ".join(parts)


@dataclass(frozen=True)
class Source:
    """The annotation file that a split was made of."""

    file: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Split:
    """One split of a dataset, as it was made."""

    truth: annotations.GroundTruth
    tally: annotations.Tally
    source: Source


def read(dataset: layout.Dataset) -> dict | None:
    """The dataset's dataset.json, or None if there is no whole dataset of this format."""
    try:
        manifest = loads(dataset.manifest.read_bytes())
    except (FileNotFoundError, NotADirectoryError, ValueError, RecursionError):
        return None
    return manifest if manifest_shape.fits(manifest, FORMAT) else None


def parameters(manifest: Mapping) -> Parameters:
    names = tuple(category["name"] for category in manifest["categories"])
    given = manifest["parameters"]
    return Parameters(names, tuple(given["splits"]), given["negatives"], given["seed"], given["masks"])


def changed_files(dataset: layout.Dataset, manifest: Mapping) -> dict[str, set[str]]:
    """The names of the files that are gone or not of the size they were made with: for each split its own; under ''
    those that all splits share."""
    changed = {"": _changed({dataset.folder / name: size for name, size in manifest["files"].items()})}
    for split, entry in manifest["splits"].items():
        sizes = {dataset.record(split, shard): size for shard, size in enumerate(entry["files"]["records"])}
        changed[split] = _changed({dataset.annotations(split): entry["files"]["annotations"], **sizes})
    return changed


def _changed(sizes: Mapping[Path, int]) -> set[str]:
    return {path.name for path, size in sizes.items() if _size(path) != size}


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except (FileNotFoundError, NotADirectoryError):
        return None


def entry(split: str, made: Split, written: writer.Written, dataset: layout.Dataset, coco_url: str | None) -> dict:
    """What is said of one split, whose files are in `dataset` by now. `coco_url` is where the raw files came from; None
    if the user has put them there himself."""
    skipped = made.tally.skipped + Counter({reason: len(ids) for reason, ids in written.skipped.items()})
    return {
        **{key: value for key, value in asdict(written).items() if key != "skipped"},
        "negatives": made.tally.negatives,
        "clipped": made.tally.clipped,
        "areas": made.tally.areas,
        "skipped": dict(sorted(skipped.items())),
        "files": {
            "annotations": _size(dataset.annotations(split)),
            "records": [_size(dataset.record(split, shard)) for shard in range(layout.SHARDS[split])],
        },
        "source": asdict(made.source),
        "coco_url": coco_url,
        "todus": todus.__version__,
    }


def compose(
    name: str,
    dataset: layout.Dataset,
    parameters: Parameters,
    categories: Sequence[Mapping],
    known: Sequence[Mapping],
    splits: Mapping[str, Mapping],
    preview: bool,
) -> dict:
    """What dataset.json says.

    Args:
      name: of the dataset.
      dataset: its folder, with all files but this one.
      categories: of the dataset, with its own ids.
      known: all that the raw annotation files have, with theirs.
      splits: an `entry` each.
      preview: whether the pictures were asked for. (Where no image can be read, there is none all the same.)
    """
    source_ids = {category["name"]: category["id"] for category in known}
    shared = (dataset.label_map, dataset.preview, dataset.chart)
    return {
        "name": name,
        "format": FORMAT,
        "parameters": {
            "splits": list(parameters.splits),
            "negatives": parameters.negatives,
            "seed": parameters.seed,
            "masks": parameters.masks,
        },
        "preview": preview,
        "categories": [{**_plain(category), "source_id": source_ids[category["name"]]} for category in categories],
        "files": {path.name: _size(path) for path in shared if path.exists()},
        "splits": dict(splits),
        "known_categories": [_plain(category) for category in known],
    }


def _plain(category: Mapping) -> dict:
    return {"id": category["id"], "name": category["name"], "supercategory": category.get("supercategory") or ""}
