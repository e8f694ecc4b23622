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
from PIL import Image

from todus import command, files, progress
from todus.demo import drawing
from todus.errors import UserError

TRAIN_IMAGES, VAL_IMAGES, SEED = 1500, 150, 2017

SIDE = (256, 320)  # pixels, of either side of an image
OBJECTS = (1, 4)  # in an image, if there is room for so many
RADIUS = (0.15, 0.32)  # of an object, in parts of the image's shorter side
GAP = 4  # pixels between the boxes of two objects
TRIES = 40  # places tried for an object before it is left out
CROWD_RADIUS = (0.055, 0.075)
CROWD_MEMBERS = (14, 24)
GRAIN = (2.0, 6.0)  # standard deviation of the noise of the camera's sensor
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
    return [{"supercategory": kind.supercategory, "id": kind.id, "name": kind.name} for kind in drawing.KINDS]


def _manifest(train_images: int, val_images: int, seed: int) -> dict:
    """What makes one mini-COCO differ from another, the code that draws it included."""
    code = b"".join(Path(module).read_bytes() for module in (__file__, drawing.__file__))
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
    rng = np.random.default_rng([job.seed, job.image_id])
    width, height = (int(side) for side in rng.integers(SIDE[0], SIDE[1] + 1, size=2))
    canvas = drawing.background(width, height, rng)
    annotations = []
    if not job.is_empty:
        boxes: list[tuple[float, float, float, float]] = []
        if job.has_crowd:
            annotations.append(_draw_crowd(canvas, boxes, rng))
        for _ in range(rng.integers(OBJECTS[0], OBJECTS[1] + 1)):
            annotation = _draw_object(canvas, boxes, rng)
            if annotation:
                annotations.append(annotation)
    name = f"{job.image_id:012d}.jpg"
    _save(canvas, job.folder / f"{job.split}2017" / name, job.is_greyscale, rng)
    image = {
        "license": LICENSES[0]["id"],
        "file_name": name,
        "coco_url": f"http://images.cocodataset.org/{job.split}2017/{name}",
        "height": height,
        "width": width,
        "date_captured": "2017-09-01 00:00:00",
        "flickr_url": "",
        "id": job.image_id,
    }
    return image, [{**annotation, "image_id": job.image_id} for annotation in annotations]


def _draw_object(canvas: np.ndarray, boxes: list, rng: np.random.Generator) -> dict | None:
    """Draw an object where no other is (`boxes`, to which its own is added) and return its annotation, or None."""
    kind = drawing.KINDS[rng.integers(len(drawing.KINDS))]
    radius = rng.uniform(*RADIUS)
    largest = drawing.sketch(kind, radius * min(canvas.shape[:2]), rng)
    for attempt in range(TRIES):
        # The less room there is, the smaller the object, down to the least size allowed.
        scale = 1 - (1 - RADIUS[0] / radius) * attempt / TRIES
        place = _free_place(canvas, largest.size * scale, boxes, rng)
        if place:
            drawn = largest.scaled(scale)
            mask = drawing.paint(canvas, drawn, *place)
            polygons = [(points + place).round(2).ravel().tolist() for points in drawn.silhouette]
            return _annotation(kind, mask, polygons, is_crowd=0)
    return None


def _draw_crowd(canvas: np.ndarray, boxes: list, rng: np.random.Generator) -> dict:
    """Draw many small objects of one category in a heap and return the one annotation for all of them."""
    kinds = [kind for kind in drawing.KINDS if kind.supercategory == "food"]
    kind = kinds[rng.integers(len(kinds))]
    height, width = canvas.shape[:2]
    side = min(height, width)
    middle = np.array([rng.uniform(0.35, 0.65) * width, rng.uniform(0.35, 0.65) * height])
    mask = np.zeros((height, width), dtype=bool)
    for _ in range(rng.integers(*CROWD_MEMBERS)):
        drawn = drawing.sketch(kind, rng.uniform(*CROWD_RADIUS) * side, rng)
        centre = middle + rng.uniform(-1, 1, 2) * (0.24, 0.15) * side
        x, y = np.round(centre - drawn.size / 2).astype(int).clip(0).tolist()
        mask |= drawing.paint(canvas, drawn, x, y)
    annotation = _annotation(kind, mask, _run_lengths(mask), is_crowd=1)
    boxes.append(annotation["bbox"])
    return annotation


def _free_place(canvas: np.ndarray, size: np.ndarray, boxes: list, rng: np.random.Generator) -> tuple[int, int] | None:
    """A random corner for a box of `size`; None if it is not free there, else the box is added to `boxes`."""
    height, width = canvas.shape[:2]
    room = np.array([width, height]) - np.ceil(size).astype(int) - 2
    if (room < 1).any():
        return None
    x, y = (1 + rng.integers(0, room)).tolist()
    w, h = size.tolist()
    for left, top, other_w, other_h in boxes:
        apart_x = x + w + GAP <= left or left + other_w + GAP <= x
        apart_y = y + h + GAP <= top or top + other_h + GAP <= y
        if not (apart_x or apart_y):
            return None
    boxes.append((x, y, w, h))
    return x, y


def _annotation(kind: drawing.Kind, mask: np.ndarray, segmentation: list | dict, is_crowd: int) -> dict:
    """COCO's entry for a mask (bool [h, w]): its box is the tight one, [x, y, w, h] in pixels."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    x, y = int(columns[0]), int(rows[0])
    return {
        "segmentation": segmentation,
        "area": int(mask.sum()),
        "iscrowd": is_crowd,
        "bbox": [x, y, int(columns[-1]) - x + 1, int(rows[-1]) - y + 1],
        "category_id": kind.id,
    }


def _run_lengths(mask: np.ndarray) -> dict:
    """COCO's uncompressed run lengths: column by column, zeros first."""
    pixels = mask.ravel(order="F")
    changes = np.flatnonzero(pixels[1:] != pixels[:-1]) + 1
    counts = np.diff([0, *changes, len(pixels)])
    if pixels[0]:
        counts = np.insert(counts, 0, 0)
    return {"counts": counts.tolist(), "size": list(mask.shape)}


def _save(canvas: np.ndarray, path: Path, greyscale: bool, rng: np.random.Generator) -> None:
    grain = rng.normal(0, rng.uniform(*GRAIN), canvas.shape[:2]).astype(np.float32)
    image = Image.fromarray(np.clip(canvas + grain[:, :, None], 0, 255).astype(np.uint8))
    image.convert("L" if greyscale else "RGB").save(path, "JPEG", quality=JPEG_QUALITY)


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
