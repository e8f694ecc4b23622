"""What is known of COCO's own archives beforehand: sizes and MD5 sums as published."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from todus.progress import Progress

DEFAULT_URL = "http://images.cocodataset.org"
BLOCK = 1 << 20  # bytes hashed at a time


@dataclass(frozen=True)
class Archive:
    """One of COCO's archives of images."""

    size: int  # bytes
    images: int

    @property
    def mean(self) -> float:
        """Bytes of an image; what the archive adds to them is next to nothing."""
        return self.size / self.images


ARCHIVES = {
    "train2017.zip": Archive(19_336_861_798, 118_287),
    "val2017.zip": Archive(815_585_330, 5_000),
    "test2017.zip": Archive(6_646_970_404, 40_670),
}
MD5 = {
    "train2017.zip": "cced6f7f71b7629ddf16f17bbcfab6b2",
    "val2017.zip": "442b8da7639aecaf257c1dceb8ba8c80",
    "test2017.zip": "77ad2c53ac5d0aea611d422c0938fb35",
    "annotations_trainval2017.zip": "f4bbac642086de4f52a3fdda2de5fa2c",
}

# supercategory -> ids of its categories; some ids are not in use.
SUPERCATEGORIES = {
    "person": range(1, 2),
    "vehicle": range(2, 10),
    "outdoor": range(10, 16),
    "animal": range(16, 26),
    "accessory": range(26, 34),
    "sports": range(34, 44),
    "kitchen": range(44, 52),
    "food": range(52, 62),
    "furniture": range(62, 72),
    "electronic": range(72, 78),
    "appliance": range(78, 84),
    "indoor": range(84, 91),
}


def is_official(coco_url: str) -> bool:
    """Whether `coco_url` is COCO's own server, where the archives are those published."""
    try:
        parts = urlsplit(coco_url.strip())
        place = (parts.hostname, parts.path.strip("/"))
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and place == (urlsplit(DEFAULT_URL).hostname, "")


def problem(archive: Path, name: str) -> str | None:
    """What is wrong with `archive`, which should be COCO's `name`; None where it is, or where no MD5 is published."""
    if name not in MD5:
        return None
    digest = hashlib.md5(usedforsecurity=False)
    with archive.open("rb") as file, Progress(f"checking {name}", archive.stat().st_size, "B") as bar:
        while block := file.read(BLOCK):
            digest.update(block)
            bar.advance(len(block))
    if digest.hexdigest() != MD5[name]:
        return f"what came is not COCO's {name}: its MD5 is {digest.hexdigest()}, not {MD5[name]}"
    return None
