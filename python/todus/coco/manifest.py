"""dataset.json: what made a dataset, and what became of it. Written last: where it is, the dataset is whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from json import JSONDecodeError, loads
from pathlib import Path

import todus
from todus import layout
from todus.coco import annotations
from todus.coco.records import writer

FORMAT = 2  # of dataset.json and of what it stands for; a dataset of another format is made anew


@dataclass(frozen=True)
class Parameters:
    """What a dataset depends on besides the raw files. `categories` are the names in the file's order."""

    categories: tuple[str, ...]
    splits: tuple[str, ...]
    negatives: float
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
        manifest = loads(dataset.manifest.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, JSONDecodeError, UnicodeDecodeError):
        return None
    return manifest if isinstance(manifest, dict) and manifest.get("format") == FORMAT else None


def parameters(manifest: Mapping) -> Parameters:
    names = tuple(category["name"] for category in manifest["categories"])
    given = manifest["parameters"]
    return Parameters(names, tuple(given["splits"]), given["negatives"], given["masks"])


def lost_files(dataset: layout.Dataset, splits: Sequence[str]) -> dict[str, int]:
    """How many files of each split are not there any more (those that all splits share count for each)."""
    there = {path for folder in (dataset.folder, dataset.folder / "annotations") for path in _entries(folder)}
    lost = {}
    for split in splits:
        wanted = [dataset.label_map, dataset.annotations(split)]
        wanted += [dataset.record(split, shard) for shard in range(layout.SHARDS[split])]
        missing = sum(path not in there for path in wanted)
        if missing:
            lost[split] = missing
    return lost


def entry(split: str, made: Split, written: writer.Written) -> dict:
    """What is said of one split."""
    skipped = made.tally.skipped + Counter({reason: len(ids) for reason, ids in written.skipped.items()})
    return {
        **{key: value for key, value in asdict(written).items() if key != "skipped"},
        "negatives": made.tally.negatives,
        "clipped": made.tally.clipped,
        "skipped": dict(sorted(skipped.items())),
        "shards": layout.SHARDS[split],
        "source": asdict(made.source),
    }


def compose(
    name: str,
    parameters: Parameters,
    categories: Sequence[Mapping],
    known: Sequence[Mapping],
    splits: Mapping[str, Mapping],
    coco_url: str | None,
) -> dict:
    """What dataset.json says.

    Args:
      name: of the dataset.
      categories: of the dataset, with its own ids.
      known: all that the raw annotation files have, with theirs.
      splits: an `entry` each.
      coco_url: where the raw files came from; None if the user has put them there himself.
    """
    source_ids = {category["name"]: category["id"] for category in known}
    return {
        "name": name,
        "format": FORMAT,
        "todus": todus.__version__,
        "coco_url": coco_url,
        "parameters": {
            "splits": list(parameters.splits),
            "negatives": parameters.negatives,
            "masks": parameters.masks,
        },
        "categories": [{**_plain(category), "source_id": source_ids[category["name"]]} for category in categories],
        "splits": dict(splits),
        "known_categories": [_plain(category) for category in known],
    }


def _entries(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


def _plain(category: Mapping) -> dict:
    return {"id": category["id"], "name": category["name"], "supercategory": category.get("supercategory", "")}
