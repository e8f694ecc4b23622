"""What IMAGE names: an image, a folder of images, or a video."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from todus import command
from todus.detecting import image_file, video
from todus.errors import UserError

IMAGES = {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".dib", ".webp", ".gif", ".tif", ".tiff"}
VIDEOS = {".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv", ".flv", ".ts", ".mts", ".3gp"}
_TAKES = "IMAGE takes an image, a folder of images, or a video"


@dataclass(frozen=True)
class Inputs:
    """What was found where IMAGE points.

    folder: the one that was walked, or that of the file.
    images: sorted, each with the path by which it was found.
    video: the video, if IMAGE is one; there are no images then.
    passed_over: how many other files are in the folder.
    closed: folders that may not be read.
    """

    folder: Path
    images: tuple[Path, ...] = ()
    video: Path | None = None
    passed_over: int = 0
    closed: tuple[Path, ...] = ()


def find(image: str, output: Path) -> Inputs:
    """What `image` names. In a folder, images are known by how their names end; a single file whose name does not tell
    is looked into.

    Hidden files count as other files. Hidden folders are not entered, nor are links to folders.

    Args:
      output: the folder of what is drawn; where it lies within the folder, it is not looked into.

    Raises:
      UserError: `image` is empty or not there, neither an image nor a video, or a folder without an image.
    """
    if not image:
        raise UserError(f"IMAGE is not given; {_TAKES}: make detect IMAGE=photos")
    path = command.expanded(image)
    if path.is_dir():
        return _in_folder(path, output)
    if not path.is_file():
        what = "is neither a file nor a folder" if path.exists() else "is not there"
        raise UserError(f"IMAGE={image} {what}; {_TAKES}")
    suffix = path.suffix.lower()
    if suffix in IMAGES or (suffix not in VIDEOS and image_file.is_image(path)):
        return Inputs(path.parent, (path,))
    if suffix in VIDEOS or video.is_video(path):
        return Inputs(path.parent, video=path)
    raise UserError(f"IMAGE={image} is neither a {image_file.KINDS} image nor a video that OpenCV can read; {_TAKES}")


def _in_folder(folder: Path, output: Path) -> Inputs:
    images: list[Path] = []
    closed: list[Path] = []
    others = 0
    for place, folders, names in os.walk(folder, onerror=lambda error: closed.append(Path(error.filename))):
        here = Path(place)
        folders[:] = sorted(name for name in folders if _is_entered(here / name, output))
        own = [here / name for name in sorted(names) if _is_taken(here / name)]
        images += own
        others += len(names) - len(own)
    if not images:
        besides = f" ({others:,} other files)" if others else ""
        what = "may not be read" if folder in closed else f"holds no image{besides}"
        raise UserError(f"IMAGE={folder} {what}; images end in {' '.join(sorted(IMAGES))}")
    return Inputs(folder, tuple(images), passed_over=others, closed=tuple(closed))


def _is_entered(folder: Path, output: Path) -> bool:
    return not folder.name.startswith(".") and folder.resolve() != output.resolve()


def _is_taken(path: Path) -> bool:
    """By its name; a broken link is taken too, so that it is told of."""
    is_one = path.suffix.lower() in IMAGES and not path.name.startswith(".")
    return is_one and (path.is_file() or path.is_symlink())
