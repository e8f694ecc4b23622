"""Where drawings go: under the names of the user's images, into a folder of their own, over nothing of his.

What is written carries a mark, and only what carries it is ever replaced.
"""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, PngImagePlugin

from todus import files
from todus.detecting import image_file
from todus.detecting.inputs import Inputs
from todus.detecting.results import InputError
from todus.errors import UserError, WorldError
from todus.progress import shown

QUALITY = 90  # of JPEG files
COMPRESSION = 3  # of PNG files: half the time of the default, and hardly larger
_MARK = b"made by make detect of Todus"
_JPEG, _PNG, _VIDEO = (".jpg", ".jpeg", ".jpe", ".jfif"), ".png", ".mp4"
_CAN_BE_OTHER = "name another OUTPUT"
_OF_ONE_NAME = {
    errno.ENAMETOOLONG: "its name is too long",
    errno.EEXIST: "a file is where its folder must be",
    errno.ENOTDIR: "a file is where its folder must be",
    errno.EISDIR: "a folder is where it must be",
}
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


def targets(inputs: Inputs, output: Path) -> dict[Path, Path]:
    """Each image or video of `inputs` with the file in `output` that is to be made of it.

    An image keeps its name and its place below the folder. JPEG and PNG stay what they are, others become PNG and get
    `.png` behind their name; a video that is no .mp4 gets `.mp4`.

    Raises:
      UserError: `output` is the folder of the images, or no folder, or holds a file of such a name from elsewhere.
    """
    _require_folder(output)
    if output.resolve() == inputs.folder.resolve():
        raise UserError(f"OUTPUT={output} is the folder of the images themselves; {_CAN_BE_OTHER}")
    chosen: dict[Path, Path] = {}
    taken: set[Path] = set()
    for image in inputs.images:
        target = output / image.relative_to(inputs.folder)
        while target in taken or target.suffix.lower() not in (*_JPEG, _PNG):
            target = target.with_name(f"{target.name}{_PNG}")
        taken.add(target)
        chosen[image] = target
    if inputs.video:
        name = inputs.video.name
        chosen[inputs.video] = output / (name if name.lower().endswith(_VIDEO) else f"{name}{_VIDEO}")
    for folder in {target.parent for target in chosen.values()}:
        _require_folder(folder)
    for target in chosen.values():
        _require_replaceable(target)
    return chosen


def _require_folder(folder: Path) -> None:
    """Raises UserError if it, or the innermost of those around it that is there, is no folder."""
    there = next((place for place in (folder, *folder.parents) if os.path.lexists(place)), None)
    if there and not there.is_dir():
        raise UserError(f"{shown(there)} is no folder; {_CAN_BE_OTHER}, or move it away")


def _require_replaceable(target: Path) -> None:
    if os.path.lexists(target) and not (target.is_file() and is_ours(target)):
        raise UserError(f"{shown(target)} is there and was not made by make detect; {_CAN_BE_OTHER}, or move it away")


def is_ours(path: Path) -> bool:
    """Whether the file carries the mark."""
    try:
        if path.suffix.lower() == _VIDEO:
            with path.open("rb") as file:
                file.seek(max(0, path.stat().st_size - len(_MARK)))
                return file.read() == _MARK
        with image_file.opened(path, ("JPEG", "PNG")) as image:
            return image.info.get("comment") == _MARK or image.info.get("Software") == _MARK.decode()
    except image_file.ERRORS:
        return False


def save(image: Image.Image, target: Path) -> int:
    """Write an image, JPEG or PNG by its name, with its `icc_profile` if `info` has one; returns its bytes.

    Raises:
      InputError: a file cannot have this name.
      WorldError: it cannot be written, for instance because the disk is full.
    """
    with _told_of(target), files.atomic_file(target) as unfinished:
        _write(image, unfinished, target.suffix.lower() in _JPEG)
    return target.stat().st_size


def _write(image: Image.Image, path: Path, as_jpeg: bool) -> None:
    profile = image.info.get("icc_profile")
    if as_jpeg:
        image.save(path, "JPEG", quality=QUALITY, comment=_MARK, icc_profile=profile)
        return
    text = PngImagePlugin.PngInfo()
    text.add_text("Software", _MARK.decode())
    image.save(path, "PNG", pnginfo=text, compress_level=COMPRESSION, icc_profile=profile)


@contextmanager
def video_file(target: Path) -> Iterator[Path]:
    """Yield a path to write a video to; it becomes `target` if the block ends well, else it goes.

    It ends in .mp4, as atomic_file's do not: by that OpenCV chooses the format. Raises: as `save`.
    """
    part = target.with_name(f".{target.name}{files.UNFINISHED}{os.getpid()}{_VIDEO}")
    with _told_of(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        part.touch()  # OpenCV would not tell why it cannot
    try:
        yield part
        with _told_of(target):
            with part.open("ab") as file:  # a box of no meaning; source: ISO/IEC 14496-12, 8.1.2 (free space)
                file.write(struct.pack(">I4s", 8 + len(_MARK), b"free") + _MARK)
            os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _told_of(target: Path) -> Iterator[None]:
    """What keeps `target` from being written is an InputError if it comes from this one name, else a WorldError."""
    try:
        yield
    except OSError as error:
        if error.errno in _OF_ONE_NAME:
            raise InputError(f"{shown(target)} cannot be written: {_OF_ONE_NAME[error.errno]}") from None
        fix = f"make room, or {_CAN_BE_OTHER}" if error.errno in _NO_ROOM else _CAN_BE_OTHER
        raise WorldError(f"{shown(target)} cannot be written ({error.strerror or error}); {fix}") from None
