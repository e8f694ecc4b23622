"""Is the dataset on disk the one that is asked for, and if not, which of its splits can stay?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from todus import files, layout, progress
from todus.coco import choice, manifest, raw_data
from todus.coco.request import SEED, Request


@dataclass(frozen=True)
class Difference:
    """`reason` is why the dataset must be made anew, or ''; `kept` are the entries in dataset.json of those splits that
    can stay if it is."""

    reason: str
    kept: dict[str, dict]


def compare(there: Mapping, request: Request, target: layout.Dataset, raw: layout.RawData) -> Difference:
    """Compare `there`, the dataset.json of `target`, with what is asked for.

    Looks at dataset.json and the sizes of files, and into an annotation file only where it is newer than the dataset.
    """
    was = manifest.parameters(there)
    asked = _asked(there, request, was, raw)
    same = replace(asked, splits=was.splits) == was
    changed = manifest.changed_files(target, there)
    edited = [split for split in was.splits if _is_edited(split, there, target, raw)]
    kept = {
        split: there["splits"][split]
        for split in request.splits
        if same and split in was.splits and not changed[split] and split not in edited
        if _has_source(split, there, request.coco_url, raw)
    }
    return Difference(_reason(there, request, was, asked, changed, edited, target, raw), kept)


def _asked(there: Mapping, request: Request, was: manifest.Parameters, raw: layout.RawData) -> manifest.Parameters:
    wanted = was.categories
    if request.categories is not None:
        known, path = there["known_categories"], raw.annotations(request.splits[0])
        wanted = tuple(choice.category_names(request.categories, known, path))
    seed = SEED if request.negatives else was.seed  # which then makes no difference
    return manifest.Parameters(wanted, request.splits, request.negatives, seed, request.masks)


def _reason(
    there: Mapping,
    request: Request,
    was: manifest.Parameters,
    asked: manifest.Parameters,
    changed: Mapping[str, set[str]],
    edited: list[str],
    target: layout.Dataset,
    raw: layout.RawData,
) -> str:
    if replace(asked, splits=was.splits) != was or set(was.splits) != set(asked.splits):
        return f"it was made for {was.describe()}"
    pictures = {target.preview.name, target.chart.name}
    count = len(set().union(*changed.values()) - pictures)
    if count:
        return f"{count} of its files are gone or of another size than they had"
    if edited:
        return f"{progress.shown(raw.annotations(edited[0]))} has changed since"
    if request.preview and (not there["preview"] or changed[""]):
        return "its pictures are not there"
    return ""


def _is_edited(split: str, there: Mapping, target: layout.Dataset, raw: layout.RawData) -> bool:
    """Whether the annotation file that the split was made of is another one by now. One that has gone since, or that is
    of another mirror, is no change."""
    entry, path = there["splits"][split], raw.annotations(split)
    of, now = entry["coco_url"], raw_data.source(raw)
    if not path.exists() or (of is not None and now is not None and not raw_data.same_source(of, now)):
        return False
    status = path.stat()
    if status.st_size != entry["source"]["bytes"]:
        return True
    return status.st_mtime_ns > target.manifest.stat().st_mtime_ns and files.sha256(path) != entry["source"]["sha256"]


def _has_source(split: str, there: Mapping, coco_url: str, raw: layout.RawData) -> bool:
    """Whether the split is of `coco_url`; or of files of the user's own, which are still there."""
    of = there["splits"][split]["coco_url"]
    return raw.annotations(split).exists() if of is None else raw_data.same_source(of, coco_url)
