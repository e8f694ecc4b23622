"""A mirror of a tiny COCO in the official layout, made of a few drawn images; every oddity of the real one is in it."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

from PIL import Image

from todus.coco import annotations

CATEGORIES = [
    {"supercategory": "person", "id": 1, "name": "person"},
    {"supercategory": "vehicle", "id": 3, "name": "car"},
    {"supercategory": "vehicle", "id": 6, "name": "bus"},
    {"supercategory": "outdoor", "id": 10, "name": "traffic light"},
    {"supercategory": "animal", "id": 23, "name": "bear"},
    {"supercategory": "indoor", "id": 90, "name": "toothbrush"},  # shown nowhere
]
CROWD = {"counts": [0, 8, 1192], "size": [40, 30]}  # run lengths, as COCO has them for crowds


def _image(number: int, width: int, height: int) -> dict:
    return {"id": number, "file_name": f"{number:012d}.jpg", "width": width, "height": height, "license": 1}


def _box(number: int, image: int, category: int, box: list[float], crowd: bool = False) -> dict:
    x, y, w, h = box
    outline = [[x, y, x + w, y, x + w, y + h, x, y + h]]
    return {
        "id": number,
        "image_id": image,
        "category_id": category,
        "bbox": box,
        "area": round(w * h * 0.8, 3),
        "iscrowd": int(crowd),
        "segmentation": CROWD if crowd else outline,
    }


def train() -> dict:
    images = [_image(9, 64, 48), _image(25, 60, 60), _image(30, 30, 40), _image(34, 50, 50), _image(36, 72, 40)]
    images += [_image(42, 37, 53)]
    annotations = [
        _box(101, 9, 1, [3.5, 4.25, 20.1, 30.7]),
        _box(102, 9, 3, [30, 10, 34, 38]),  # ends exactly at the edge
        _box(103, 25, 3, [-5, 40.5, 20, 30]),  # over the left and lower edges
        _box(104, 30, 10, [1.1, 2.2, 5.5, 8.8]),
        _box(105, 30, 1, [0, 0, 30, 40], crowd=True),
        # image 34 shows nothing
        _box(106, 36, 23, [10, 5, 40, 30]),
        _box(107, 36, 3, [50, 10, 0, 12]),  # no width
        _box(108, 42, 6, [40, 10, 5, 5]),  # beside its image
        _box(109, 42, 1, [7.77, 3.33, 29.230000000000008, 49.67]),  # over the edge by a rounding error
    ]
    return {"images": images, "annotations": annotations, "categories": CATEGORIES}


def val() -> dict:
    images = [_image(139, 45, 35), _image(285, 40, 40), _image(632, 32, 32)]
    annotations = [
        _box(201, 139, 1, [5, 5, 20, 20]),
        _box(202, 139, 10, [30.5, 1.5, 6, 12]),
        _box(203, 285, 3, [2, 2, 30, 30]),
        _box(204, 285, 23, [12, 2, 20, 30]),
    ]
    info = {"description": "tiny COCO", "year": 2017}
    licenses = [{"id": 1, "name": "own work", "url": ""}]
    return {"info": info, "licenses": licenses, "images": images, "annotations": annotations, "categories": CATEGORIES}


def testdev() -> dict:
    return {"images": [_image(1, 33, 44), _image(2, 44, 33)], "categories": CATEGORIES}


def truth(dataset: dict) -> annotations.GroundTruth:
    """As `annotations.load` reads it from a file."""
    return annotations.parse(json.dumps(dataset).encode(), Path("own.json"))


def draw(image: dict) -> Image.Image:
    picture = Image.linear_gradient("L").resize((image["width"], image["height"])).convert("RGB")
    picture.paste((image["id"] * 37 % 256, image["id"] * 91 % 256, 80), (5, 5, 20, 20))
    return picture


def build(folder: Path) -> Path:
    """Make the mirror in `folder`: single images, archives of images, archives of annotations."""
    splits = {"train2017": train(), "val2017": val(), "test2017": testdev()}
    for name, dataset in splits.items():
        (folder / name).mkdir(parents=True)
        for image in dataset["images"]:
            draw(image).save(folder / name / image["file_name"], "JPEG", quality=90)
        pack(folder / "zips" / f"{name}.zip", {f"{name}/{f.name}": f.read_bytes() for f in (folder / name).iterdir()})
    texts = {name: json.dumps(dataset).encode() for name, dataset in splits.items()}
    pack(
        folder / "annotations" / "annotations_trainval2017.zip",
        {
            "annotations/instances_train2017.json": texts["train2017"],
            "annotations/instances_val2017.json": texts["val2017"],
            "annotations/captions_val2017.json": b"{}",
        },
    )
    pack(
        folder / "annotations" / "image_info_test2017.zip",
        {"annotations/image_info_test-dev2017.json": texts["test2017"]},
    )
    return folder


def pack(path: Path, members: dict[str, bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
