"""An annotation file of the size and shape of COCO's instances_train2017.json: 118,287 images, 860,001 annotations.

    python -m todus.bench.full_size FILE

Drawn at random with a fixed seed: outlines of some 23 points, one annotation in a hundred a crowd with run lengths,
categories as unevenly spread as COCO's. About 480 MB.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

from todus import command, files, layout, progress
from todus.coco import label_map

IMAGES, ANNOTATIONS = 118_287, 860_001
OUTLINES = 3000  # different ones, used in turn: drawing each anew would take minutes
CROWD_EVERY = 100
PERSON_SHARE = 0.3  # of all boxes, as in COCO
CHUNK = 10_000  # annotations written at a time
SEED = 2017


def write(path: Path) -> None:
    """Write the file, whole or not at all."""
    names = label_map.read(layout.COCO_LABEL_MAP).names
    dice = random.Random(SEED)
    with files.atomic_file(path) as unfinished, unfinished.open("w", encoding="utf-8") as file:
        file.write('{"info": {"description": "full size"}, "licenses": [], "images": [\n')
        file.write(",\n".join(json.dumps(_image(number)) for number in range(1, IMAGES + 1)))
        file.write('],\n"categories": ')
        json.dump([{"supercategory": "thing", "id": i, "name": name} for i, name in names.items()], file)
        file.write(',\n"annotations": [\n')
        file.writelines(_annotations(list(names), dice))
        file.write("]}\n")


def _image(number: int) -> dict:
    name = f"{number:012d}.jpg"
    return {
        "license": 3,
        "file_name": name,
        "coco_url": f"http://images.cocodataset.org/train2017/{name}",
        "height": 480,
        "width": 640,
        "date_captured": "2013-11-14 11:18:45",
        "flickr_url": f"http://farm9.staticflickr.com/8186/{number:010d}_0123456789_z.jpg",
        "id": number,
    }


def _annotations(categories: list[int], dice: random.Random) -> Iterator[str]:
    outlines = [json.dumps(_outline(dice)) for _ in range(OUTLINES)]
    crowds = [json.dumps(_run_lengths(dice)) for _ in range(OUTLINES // CROWD_EVERY)]
    with progress.Progress("drawing annotations", ANNOTATIONS, "annotation") as bar:
        for start in range(0, ANNOTATIONS, CHUNK):
            numbers = range(start, min(start + CHUNK, ANNOTATIONS))
            lines = [_annotation(number, categories, outlines, crowds, dice) for number in numbers]
            yield (",\n" if start else "") + ",\n".join(lines)
            bar.advance(len(lines))


def _annotation(number: int, categories: list[int], outlines: list[str], crowds: list[str], dice: random.Random) -> str:
    is_crowd = number % CROWD_EVERY == 0
    outline = crowds[number % len(crowds)] if is_crowd else outlines[number % len(outlines)]
    category = categories[0] if dice.random() < PERSON_SHARE else dice.choice(categories)
    width, height = round(dice.uniform(4, 300), 2), round(dice.uniform(4, 220), 2)
    x, y = round(dice.uniform(0, 640 - width), 2), round(dice.uniform(0, 480 - height), 2)
    return (
        f'{{"segmentation": {outline}, "area": {width * height * 0.7!r}, "iscrowd": {int(is_crowd)}, '
        f'"image_id": {number * IMAGES // ANNOTATIONS + 1}, "bbox": [{x}, {y}, {width}, {height}], '
        f'"category_id": {category}, "id": {900_000 + number}}}'
    )


def _outline(dice: random.Random) -> list[list[float]]:
    points = dice.randint(8, 38)
    return [[round(dice.uniform(0, limit), 2) for _ in range(points) for limit in (640, 480)]]


def _run_lengths(dice: random.Random) -> dict:
    counts = [dice.randint(1, 900) for _ in range(400)]
    return {"counts": [*counts, 640 * 480 - sum(counts)], "size": [480, 640]}


def main() -> None:
    arguments = command.parser(__doc__)
    arguments.add_argument("file", type=Path, metavar="FILE")
    write(arguments.parse_args().file)


if __name__ == "__main__":
    command.run(main)
