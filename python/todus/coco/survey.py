"""What COCO has of every category, counted before anything large is fetched: the annotation files are enough."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from todus import layout, progress
from todus.coco import annotations, choice, counts, raw_data
from todus.errors import UserError


@dataclass(frozen=True)
class Files:
    """A number of image files, and the bytes of them all."""

    images: int
    bytes: int


@dataclass(frozen=True)
class Survey:
    """What the annotation files say of the splits that have boxes, and of the choice of categories in them."""

    splits: Mapping[str, counts.Split]
    groups: Mapping[str, Sequence[str]]  # supercategory ("" for none) -> names of its categories
    chosen: Sequence[str]
    there: Files  # of the images that show a chosen category: those that need not be fetched
    unlabelled: Mapping[str, Files]  # the splits without boxes
    estimated: Sequence[str]  # the splits whose bytes are an estimate, by the mean size of an image

    @property
    def sizes_are_exact(self) -> bool:
        """Of the splits that have boxes."""
        return not any(split in self.estimated for split in self.splits)

    def figures(self, names: Sequence[str]) -> counts.Figures:
        """Of these categories together, over all splits."""
        return counts.figures(self.splits.values(), names)

    def figures_of_all(self) -> counts.Figures:
        return counts.figures_of_all(self.splits.values())


def survey(raw: layout.RawData, text: str, splits: Sequence[str], coco_url: str = raw_data.DEFAULT_URL) -> Survey:
    """Count the categories of COCO in `splits`; `text` is the choice of categories as the user types it.

    Fetches the annotation files that are missing. Raises UserError and WorldError.
    """
    if all(split == "testdev" for split in splits):
        raise UserError(f"SPLITS={' '.join(splits)} has no boxes to count; add train or val")
    choice.check_before_fetching(text, raw, splits[0], coco_url)
    raw_data.check_source(raw, coco_url)
    counted: dict[str, counts.Split] = {}
    unlabelled: dict[str, Files] = {}
    known: list[dict] = []
    chosen: list[str] = []
    estimated: list[str] = []
    for split in splits:
        path = raw_data.annotations(raw, split, coco_url)
        progress.say(f"reading {progress.shown(path)}")
        truth = annotations.load(path)
        annotations.require_boxes(truth, split, path)
        if not known:
            known = truth.categories
            chosen = choice.category_names(text, known, path)
        choice.require_same(known, truth.categories, path)
        sizes = raw_data.inventory(raw, split, coco_url)
        estimated += [] if sizes.is_exact else [split]
        part = counts.count(truth, sizes)
        if truth.is_annotated:
            counted[split] = part
        else:
            unlabelled[split] = Files(len(part.names), sizes.size(list(part.names.values())))
    there = _already_there(raw, counted, chosen)
    return Survey(counted, _groups(known), chosen, there, unlabelled, estimated)


def _groups(known: Sequence[Mapping]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for category in known:
        groups.setdefault(category.get("supercategory") or "", []).append(category["name"])
    return groups


def _already_there(raw: layout.RawData, splits: Mapping[str, counts.Split], chosen: Sequence[str]) -> Files:
    """The images of the chosen categories that are in raw-data; all, where the archive they are unpacked from is."""
    images = size = 0
    for name, split in splits.items():
        folder = raw.images(name)
        there = split.file_names(split.showing(chosen))
        if not raw.archive(f"{folder.name}.zip").exists():
            files = {file.name for file in folder.iterdir()} if folder.is_dir() else set()
            there = [image for image in there if image in files]
        images += len(there)
        size += split.sizes.size(there)
    return Files(images, size)
