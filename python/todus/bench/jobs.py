"""The jobs that `make bench-dataset` times: each is one whole process, ours or the one it is compared with.

python -m todus.bench.jobs api-records ANNOTATIONS IMAGES OUTPUT boxes|masks
python -m todus.bench.jobs our-records ANNOTATIONS IMAGES OUTPUT boxes|masks
python -m todus.bench.jobs plain-filter ANNOTATIONS OUTPUT
python -m todus.bench.jobs our-filter ANNOTATIONS OUTPUT
python -m todus.bench.jobs plain-fetch NAMES URL OUTPUT
python -m todus.bench.jobs our-fetch NAMES URL OUTPUT
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from urllib.request import urlretrieve

from todus import command, download, layout
from todus.coco import annotations, categories, encoded_image
from todus.coco.records import writer
from todus.layout import SHARDS


def api_records(annotation_file: Path, images: Path, output: Path, masks: bool) -> None:
    """The Object Detection API's own writer, on current TensorFlow."""
    from todus.bridge import record_writer

    output.mkdir()
    record_writer.write(annotation_file, images, output / "coco_train.record", SHARDS["train"], masks)


def our_records(annotation_file: Path, images: Path, output: Path, masks: bool) -> None:
    truth, _ = annotations.clean(annotations.load(annotation_file))
    writer.write_split(truth, images, layout.Dataset(output), "train", masks=masks)


def plain_filter(annotation_file: Path, output: Path) -> None:
    """The obvious way: json, and a loop over everything."""
    whole = json.loads(annotation_file.read_text())
    chosen = [c for c in whole["categories"] if c["name"] in categories.DEFAULT.split()]
    new_ids = {category["id"]: i for i, category in enumerate(chosen, start=1)}
    kept = []
    for annotation in whole["annotations"]:
        if annotation["category_id"] in new_ids and annotation["bbox"][2] > 0 and annotation["bbox"][3] > 0:
            annotation["category_id"] = new_ids[annotation["category_id"]]
            kept.append(annotation)
    shown = {annotation["image_id"] for annotation in kept}
    whole["images"] = [image for image in whole["images"] if image["id"] in shown]
    whole["annotations"] = kept
    whole["categories"] = [{**category, "id": new_ids[category["id"]]} for category in chosen]
    output.write_text(json.dumps(whole))


def our_filter(annotation_file: Path, output: Path) -> None:
    truth = annotations.load(annotation_file)
    names = [category["name"] for category in categories.parse(categories.DEFAULT, truth.categories)]
    limited, _ = annotations.limit(truth, names)
    annotations.write(output, limited)


def plain_fetch(names: Path, url: str, output: Path) -> None:
    """One after the other, as pycocotools' COCO.download does; it gives up at the first fault."""
    output.mkdir()
    for name in json.loads(names.read_text()):
        urlretrieve(f"{url}/{name}", output / name)


def our_fetch(names: Path, url: str, output: Path) -> None:
    output.mkdir()
    pairs = [(f"{url}/{name}", output / name) for name in json.loads(names.read_text())]
    download.fetch_all(pairs, check=lambda path: encoded_image.problem(path.read_bytes()))


def _parser() -> argparse.ArgumentParser:
    parser = command.parser(__doc__)
    jobs = parser.add_subparsers(required=True, metavar="JOB")

    def add(name: str, job: Callable[..., None], *operands: str) -> argparse.ArgumentParser:
        own = jobs.add_parser(name)
        own.set_defaults(job=job)
        for operand in operands:
            own.add_argument(operand, type=str if operand == "url" else Path)
        return own

    for name, records in (("api-records", api_records), ("our-records", our_records)):
        add(name, records, "annotation_file", "images", "output").add_argument("masks", choices=("boxes", "masks"))
    for name, limit in (("plain-filter", plain_filter), ("our-filter", our_filter)):
        add(name, limit, "annotation_file", "output")
    for name, fetch in (("plain-fetch", plain_fetch), ("our-fetch", our_fetch)):
        add(name, fetch, "names", "url", "output")
    return parser


def main() -> None:
    given = vars(_parser().parse_args())
    given.pop("home")
    job = given.pop("job")
    if "masks" in given:
        given["masks"] = given["masks"] == "masks"
    job(**given)


if __name__ == "__main__":
    command.run(main)
