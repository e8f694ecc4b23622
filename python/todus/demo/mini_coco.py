"""Generates a mini-COCO: drawn objects, with true boxes and masks, in the layout of COCO's official mirror.

    python -m todus.demo.mini_coco FOLDER [--train-images 1500] [--val-images 150] [--seed 2017]

FOLDER, served over HTTP, is a COCO mirror: zips/{train,val}2017.zip, annotations/annotations_trainval2017.zip, and
every single image at {train,val}2017/NAME.jpg. As in COCO, some regions are annotated as crowds, some images have no
annotations, and some are greyscale. Equal arguments make equal bytes, with any number of workers.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import signal
import time
import zipfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from todus import command, files, progress
from todus.demo import geometry, painting, scene, shapes
from todus.errors import UserError

TRAIN_IMAGES, VAL_IMAGES, SEED = 1500, 150, 2017

JPEG_QUALITY = 90

# Every so many images one is of this sort, the first of them early: so has a set of a dozen images some of each.
EMPTY_EVERY, EMPTY_FIRST = 20, 3
CROWD_EVERY, CROWD_FIRST = 32, 5
GREYSCALE_EVERY, GREYSCALE_FIRST = 250, 8

FIRST_ID, LAST_ID = 600_000, 999_999  # above COCO's own: no address in coco_url is that of another picture
CROWD_ANNOTATION = 900_100_000_000  # plus the image's id is the id of a crowd's annotation, as in COCO
MADE_ON = (2017, 9, 1, 0, 0, 0)  # for the archives' members: a clock would make their bytes differ
MANIFEST = "mini-coco.json"

INFO = {
    "description": "Todus mini-COCO: generated drawings in the layout of COCO 2017",
    "url": "",
    "version": "1.0",
    "year": 2017,
    "contributor": "Todus",
    "date_created": "2017/09/01",
}
LICENSES = [{"url": "https://opensource.org/licenses/MIT", "id": 1, "name": "MIT License"}]


@dataclass(frozen=True)
class Job:
    """One image to draw. `number` counts from 0 within the split."""

    folder: Path
    split: str
    number: int
    image_id: int
    seed: int

    @property
    def is_empty(self) -> bool:
        return self.number % EMPTY_EVERY == EMPTY_FIRST

    @property
    def has_crowd(self) -> bool:
        return self.number % CROWD_EVERY == CROWD_FIRST

    @property
    def is_greyscale(self) -> bool:
        return self.number % GREYSCALE_EVERY == GREYSCALE_FIRST


def generate(
    folder: Path,
    train_images: int = TRAIN_IMAGES,
    val_images: int = VAL_IMAGES,
    seed: int = SEED,
    workers: int | None = None,
) -> Path:
    """Write the mini-COCO to `folder` (replacing what is there) unless it holds the very same one; returns `folder`.

    `workers` processes draw (default: one a core); they have no influence on the result. The folder appears only when
    it is whole.
    """
    if min(train_images, val_images) < 1:
        raise UserError("a mini-COCO needs at least one image for training and one for validation; ask for more")
    started = time.monotonic()
    manifest = _manifest(train_images, val_images, seed)
    if _is_there(folder, manifest):
        progress.already_there(folder, "delete it to generate it again")
        return folder
    if folder.exists() and not (folder / MANIFEST).exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder} holds something else than a mini-COCO; give a folder that is new or empty")
    counts = {"train": train_images, "val": val_images}
    with files.atomic_folder(folder) as unfinished:
        jobs = list(_jobs(unfinished, counts, seed))
        annotations: dict[str, list[tuple[dict, list[dict]]]] = {split: [] for split in counts}
        for split in counts:
            (unfinished / f"{split}2017").mkdir()
        with progress.Progress("drawing the mini-COCO", len(jobs), "image") as bar:
            for job, drawn in zip(jobs, _drawn(jobs, workers or os.cpu_count() or 1), strict=True):
                annotations[job.split].append(drawn)
                bar.advance()
        for split, pictures in annotations.items():
            files.write_json(unfinished / "annotations" / f"instances_{split}2017.json", _instances(pictures))
        _write_archives(unfinished)
        files.write_json(unfinished / MANIFEST, manifest, indent=2)
    progress.made(folder, started)
    return folder


def categories() -> list[dict]:
    """The drawn categories as COCO lists them: supercategory, id, name; by id."""
    return [{"supercategory": kind.supercategory, "id": kind.id, "name": kind.name} for kind in shapes.KINDS]


def _manifest(train_images: int, val_images: int, seed: int) -> dict:
    """What makes one mini-COCO differ from another, the code that draws it included."""
    modules = (__file__, scene.__file__, painting.__file__, shapes.__file__, geometry.__file__)
    code = b"".join(Path(module).read_bytes() for module in modules)
    generator = hashlib.sha256(code).hexdigest()[:16]
    return {"train_images": train_images, "val_images": val_images, "seed": seed, "generator": generator}


def _is_there(folder: Path, manifest: dict) -> bool:
    try:
        return json.loads((folder / MANIFEST).read_text(encoding="utf-8")) == manifest
    except (FileNotFoundError, ValueError):
        return False


def _jobs(folder: Path, counts: dict[str, int], seed: int) -> Iterator[Job]:
    ids = np.random.default_rng(seed).choice(LAST_ID - FIRST_ID + 1, sum(counts.values()), replace=False) + FIRST_ID
    remaining = iter(ids.tolist())
    for split, count in counts.items():
        for number in range(count):
            yield Job(folder, split, number, next(remaining), seed)


def _drawn(jobs: list[Job], workers: int) -> Iterable[tuple[dict, list[dict]]]:
    """The results of `_draw` in the order of `jobs`."""
    if workers == 1:
        yield from map(_draw, jobs)
        return
    # Spawned, not forked: the caller may have TensorFlow's threads running, and a fork of those can hang.
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=spawn, initializer=_leave_interrupts_to_the_parent) as pool:
        yield from pool.map(_draw, jobs, chunksize=25)


def _leave_interrupts_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _draw(job: Job) -> tuple[dict, list[dict]]:
    """Draw and save one image; returns its entry in `images` and its entries in `annotations`, still without ids."""
    picture, annotations = scene.compose(
        np.random.default_rng([job.seed, job.image_id]),
        is_empty=job.is_empty,
        has_crowd=job.has_crowd,
        is_greyscale=job.is_greyscale,
    )
    name = f"{job.image_id:012d}.jpg"
    picture.save(job.folder / f"{job.split}2017" / name, "JPEG", quality=JPEG_QUALITY)
    image = {
        "license": LICENSES[0]["id"],
        "file_name": name,
        "coco_url": f"http://images.cocodataset.org/{job.split}2017/{name}",
        "height": picture.height,
        "width": picture.width,
        "date_captured": "2017-09-01 00:00:00",
        "flickr_url": "",
        "id": job.image_id,
    }
    return image, [{**annotation, "image_id": job.image_id} for annotation in annotations]


def _instances(pictures: list[tuple[dict, list[dict]]]) -> dict:
    """The content of an instances_*.json."""
    annotations = []
    for image, own in pictures:
        for position, annotation in enumerate(own):
            number = CROWD_ANNOTATION + image["id"] if annotation["iscrowd"] else image["id"] * 10 + position
            annotations.append({**annotation, "id": number})
    return {
        "info": INFO,
        "licenses": LICENSES,
        "images": [image for image, _ in pictures],
        "annotations": annotations,
        "categories": categories(),
    }


def _write_archives(folder: Path) -> None:
    (folder / "zips").mkdir()
    for split in ("train", "val"):
        images = folder / f"{split}2017"  # as COCO's archives do, these begin with the folder itself
        _write_zip(
            folder / "zips" / f"{split}2017.zip", folder, [images, *sorted(images.iterdir())], zipfile.ZIP_STORED
        )
    instances = sorted((folder / "annotations").glob("instances_*.json"))
    _write_zip(folder / "annotations" / "annotations_trainval2017.zip", folder, instances, zipfile.ZIP_DEFLATED)


def _write_zip(archive: Path, folder: Path, members: list[Path], compression: int) -> None:
    with zipfile.ZipFile(archive, "w") as target:
        for member in members:
            name = member.relative_to(folder).as_posix()
            if member.is_dir():
                info = zipfile.ZipInfo(f"{name}/", date_time=MADE_ON)
                info.external_attr = 0o40755 << 16
                target.writestr(info, b"")
            else:
                info = zipfile.ZipInfo(name, date_time=MADE_ON)
                info.external_attr = 0o100644 << 16
                target.writestr(info, member.read_bytes(), compression)


def main() -> None:
    arguments = command.parser(__doc__)
    arguments.add_argument("folder", type=Path, metavar="FOLDER", help="what to make; replaced if it differs")
    arguments.add_argument("--train-images", type=int, default=TRAIN_IMAGES, metavar="N")
    arguments.add_argument("--val-images", type=int, default=VAL_IMAGES, metavar="N")
    arguments.add_argument("--seed", type=int, default=SEED, metavar="N")
    given = arguments.parse_args()
    generate(given.folder, given.train_images, given.val_images, given.seed)


if __name__ == "__main__":
    command.run(main)
