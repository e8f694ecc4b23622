"""What IMAGE names: a picture, a folder of pictures, or a video."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from todus.errors import UserError

PICTURES = {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".dib", ".webp", ".gif", ".tif", ".tiff"}
VIDEOS = {".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv", ".flv", ".ts", ".mts", ".3gp"}
TAKES = "IMAGE takes a picture, a folder of pictures, or a video"


class InputError(Exception):
    """One picture or video cannot be used; the text says why, in a few words. The others go on."""


@dataclass(frozen=True)
class Inputs:
    """What was found where IMAGE points.

    folder: the one that was walked, or that of the file.
    photos: the pictures, sorted, each with the path by which it was found.
    video: the video, if IMAGE is one; there are no photos then.
    passed_over: how many other files are in the folder.
    closed: folders that may not be read.
    """

    folder: Path
    photos: tuple[Path, ...] = ()
    video: Path | None = None
    passed_over: int = 0
    closed: tuple[Path, ...] = ()


def find(image: str, output: Path) -> Inputs:
    """The pictures that `image` names. Hidden files count as other files, hidden folders are not entered.

    Args:
      output: the folder of what is drawn; where it lies within the folder, it is not looked into.

    Raises:
      UserError: `image` is empty or not there, or a folder without a picture.
    """
    if not image:
        raise UserError(f"IMAGE is not given; {TAKES}: make detect IMAGE=photos")
    path = Path(image).expanduser()
    if path.is_dir():
        return _in_folder(path, output)
    if not path.is_file():
        what = "is neither a file nor a folder" if path.exists() else "is not there"
        raise UserError(f"IMAGE={image} {what}; {TAKES}")
    if path.suffix.lower() in VIDEOS:
        return Inputs(path.parent, video=path)
    return Inputs(path.parent, (path,))


def _in_folder(folder: Path, output: Path) -> Inputs:
    photos: list[Path] = []
    closed: list[Path] = []
    others = 0
    for place, folders, names in os.walk(folder, onerror=lambda error: closed.append(Path(error.filename))):
        here = Path(place)
        folders[:] = sorted(name for name in folders if _is_entered(here / name, output))
        own = [here / name for name in sorted(names) if _is_picture(here / name)]
        photos += own
        others += len(names) - len(own)
    if not photos:
        besides = f" ({others:,} other files)" if others else ""
        what = "may not be read" if folder in closed else f"holds no picture{besides}"
        raise UserError(f"IMAGE={folder} {what}; pictures end in {' '.join(sorted(PICTURES))}")
    return Inputs(folder, tuple(photos), passed_over=others, closed=tuple(closed))


def _is_entered(folder: Path, output: Path) -> bool:
    return not folder.name.startswith(".") and folder.resolve() != output.resolve()


def _is_picture(path: Path) -> bool:
    """By its name; a broken link is one too, so that it is told of."""
    is_one = path.suffix.lower() in PICTURES and not path.name.startswith(".")
    return is_one and (path.is_file() or path.is_symlink())
