"""Writing a dataset: everything into a new folder, which then takes the place of the one that is there."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from todus import files, layout, progress
from todus.coco import annotations, label_map, manifest, raw_data, summary
from todus.coco.annotations import GroundTruth
from todus.coco.records import writer
from todus.errors import UserError

RECORD_OVERHEAD = 1.02  # bytes of a record for each byte of its image, roughly


@dataclass
class Plan:
    """What is to be in the dataset: splits made anew, and those taken over from the dataset that is there."""

    parameters: manifest.Parameters
    known: list[dict]  # categories as the raw files have them
    new: dict[str, manifest.Split]
    kept: dict[str, dict]  # split -> its entry in dataset.json


def write(plan: Plan, raw: layout.RawData, target: layout.Dataset, preview: bool, processes: int | None) -> None:
    """Write the dataset and say what is in it; with `preview`, draw its pictures too."""
    splits = plan.parameters.splits
    with files.atomic_folder(target.folder) as folder:
        unfinished = layout.Dataset(folder)
        entries, truths = {}, {}
        for split in splits:
            if split in plan.kept:
                _take_over(target, unfinished, split)
                entries[split] = plan.kept[split]
                truths[split] = annotations.load(unfinished.annotations(split))
            else:
                made = plan.new[split]
                truths[split], written = _write_split(made, split, raw, unfinished, plan.parameters.masks, processes)
                entries[split] = manifest.entry(split, made, written, unfinished, raw_data.source(raw))
        of_all = truths[splits[0]].categories
        label_map.write(unfinished.label_map, label_map.LabelMap.of(of_all))
        if preview:
            _draw(truths, raw, unfinished)
        made = manifest.compose(target.name, unfinished, plan.parameters, of_all, plan.known, entries, preview)
        files.write_json(unfinished.manifest, made, indent=1)
    summary.show(truths, made)


def _write_split(
    made: manifest.Split,
    split: str,
    raw: layout.RawData,
    unfinished: layout.Dataset,
    masks: bool,
    processes: int | None,
) -> tuple[GroundTruth, writer.Written]:
    """The records and the annotations of one split: of those images that can be read."""
    images_folder = raw.images(split)
    _see_to_space(made.truth, images_folder, unfinished.folder)
    written = writer.write_split(made.truth, images_folder, unfinished, split, masks=masks, processes=processes)
    left_out = {image_id for ids in written.skipped.values() for image_id in ids}
    truth = annotations.without_images(made.truth, left_out) if left_out else made.truth
    if left_out and split == "train" and not truth.boxes:
        raise UserError(f"none of the images in {images_folder} can be read; delete them and run again")
    annotations.write(unfinished.annotations(split), truth)
    return truth, written


def _see_to_space(truth: GroundTruth, images_folder: Path, folder: Path) -> None:
    sizes = {entry.name: entry.stat().st_size for entry in os.scandir(images_folder)} if truth.images else {}
    needed = sum(sizes.get(image["file_name"], 0) for image in truth.images)
    files.require_space(folder, round(needed * RECORD_OVERHEAD), "the records")


def _take_over(target: layout.Dataset, unfinished: layout.Dataset, split: str) -> None:
    """Put the files of a split that has not changed into the new folder too, without a second copy where possible."""
    pairs = [(target.annotations(split), unfinished.annotations(split))]
    pairs += [(target.record(split, i), unfinished.record(split, i)) for i in range(layout.SHARDS[split])]
    for old, new in pairs:
        new.parent.mkdir(exist_ok=True)
        try:
            os.link(old, new)
        except OSError:  # a file system without hard links
            shutil.copyfile(old, new)


def _draw(truths: Mapping[str, GroundTruth], raw: layout.RawData, unfinished: layout.Dataset) -> None:
    from todus.coco import chart, preview  # bring matplotlib, which takes longer to load than a small dataset to make

    annotated = {split: truth for split, truth in truths.items() if truth.boxes}
    if not annotated:
        return
    chart.write_chart(annotated, unfinished.chart)
    drawn = (preview.write_preview(truth, raw.images(split), unfinished.preview) for split, truth in annotated.items())
    if not any(drawn):
        folders = " and ".join(progress.shown(raw.images(split)) for split in annotated)
        progress.say(f"note: no {unfinished.preview.name} is drawn: {folders} have none of the images any more")
