"""The TFRecord files of a dataset, as the Object Detection API's create_coco_tf_record writes them, by all cores."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Hashable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import msgspec

from todus import layout, progress
from todus.coco import annotations
from todus.coco.annotations import Annotation, GroundTruth
from todus.coco.records import shard, workers

# Splits smaller than this are written in this process: starting others takes as long. Masks are slow.
WORTH_PROCESSES = 1500  # images
WORTH_PROCESSES_WITH_MASKS = 300


@dataclass(frozen=True)
class Written:
    """What the records of one split hold."""

    images: int
    annotations: int
    size_differs: int  # images whose real size is not the one in the annotation file
    without_mask: int  # annotations whose mask is empty for want of a proper outline
    converted: dict[str, int]  # how ("GIF made PNG") -> images that the API could not have read as they were
    skipped: dict[str, list[Hashable]]  # why -> ids of the images that are left out


def write_split(
    truth: GroundTruth,
    images_folder: Path,
    target: layout.Dataset,
    split: str,
    *,
    masks: bool = False,
    processes: int | None = None,
) -> Written:
    """Write the records of `split`: image i goes to shard i % layout.SHARDS[split], as the API has it.

    Images that are not whole are left out, with a warning, and leave the others where they are. The bytes are the same
    for any number of processes (default: as many as there are cores). Annotations must have boxes and areas, as
    annotations.clean and limit leave them. Raises UserError if an image is missing.
    """
    target.folder.mkdir(parents=True, exist_ok=True)
    shards = layout.SHARDS[split]
    count = min(shards, workers.cores() if processes is None else processes)
    if len(truth.images) < (WORTH_PROCESSES_WITH_MASKS if masks else WORTH_PROCESSES):
        count = 1
    results: list[shard.Result] = [shard.Result()] * shards
    jobs = _jobs(truth, images_folder, target, split, masks)
    with (
        progress.Progress(f"{split} records", len(truth.images), "image") as bar,
        closing(_worked_off(jobs, count)) as done,  # on Ctrl-C nobody may go on writing
    ):
        for number, result in done:
            results[number] = result
            bar.advance(result.images + len(result.skipped))
    skipped = _skipped(truth.images, results)
    if skipped:
        _warn(skipped, images_folder, split)
    return _summed(results, skipped)


def _worked_off(jobs: Iterator[shard.Job], processes: int) -> Generator[tuple[int, shard.Result], None, None]:
    """(number of the shard, what became of it), in the order in which they are done."""
    if processes > 1:
        yield from workers.run(shard.write_encoded, map(msgspec.json.encode, jobs), processes)
    else:
        yield from enumerate(map(shard.write, jobs))


def _jobs(
    truth: GroundTruth, images_folder: Path, target: layout.Dataset, split: str, masks: bool
) -> Iterator[shard.Job]:
    """A job for each shard, in their order."""
    names = {category["id"]: category["name"] for category in truth.categories}
    boxes = annotations.by_image(truth)
    for number in range(layout.SHARDS[split]):
        images = truth.images[number :: layout.SHARDS[split]]
        boxes_of_images = [boxes[image["id"]] for image in images]
        yield shard.Job(
            str(target.record(split, number)),
            str(images_folder),
            [{key: image[key] for key in ("id", "file_name", "width", "height")} for image in images],
            boxes_of_images if masks else [_without_outlines(some) for some in boxes_of_images],
            names,
            masks,
        )


def _without_outlines(boxes: Sequence[Annotation]) -> list[Annotation]:
    """The same without what makes up nine tenths of an annotation."""
    return [Annotation(a.id, a.image_id, a.category_id, a.bbox, a.area, a.iscrowd) for a in boxes]


def _skipped(images: Sequence[dict], results: Sequence[shard.Result]) -> list[tuple[dict, str]]:
    """The images left out and why, in the order of the annotation file."""
    places = {
        place * len(results) + number: why
        for number, result in enumerate(results)
        for place, why in result.skipped.items()
    }
    return [(images[index], why) for index, why in sorted(places.items())]


def _warn(skipped: Sequence[tuple[dict, str]], images_folder: Path, split: str) -> None:
    image, why = skipped[0]
    first = progress.shown(images_folder / image["file_name"])
    progress.say(
        f"warning: {len(skipped):,} {split} images are left out because they cannot be read "
        f"(the first: {first} is {why}); delete them and run again to fetch them anew"
    )


def _summed(results: Sequence[shard.Result], skipped: Sequence[tuple[dict, str]]) -> Written:
    ids: dict[str, list[Hashable]] = {}
    for image, why in skipped:
        ids.setdefault(f"image file that is {why}", []).append(image["id"])
    return Written(
        images=sum(result.images for result in results),
        annotations=sum(result.annotations for result in results),
        size_differs=sum(result.size_differs for result in results),
        without_mask=sum(result.without_mask for result in results),
        converted=dict(sorted(sum((result.converted for result in results), Counter()).items())),
        skipped=dict(sorted(ids.items())),
    )
