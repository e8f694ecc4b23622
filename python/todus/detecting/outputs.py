"""Where the pictures go: under the names of the user's images, into a folder of their own, over nothing of his.

What is written carries a mark, and only what carries it is ever replaced.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, PngImagePlugin

from todus import files
from todus.detecting.inputs import InputError, Inputs
from todus.errors import UserError
from todus.progress import shown

MARK = b"made by make detect of Todus"
JPEG, PNG = (".jpg", ".jpeg", ".jpe", ".jfif"), (".png",)
QUALITY = 90  # of JPEG files
_COMPRESSION = 3  # of PNG files: half the time of the default, and hardly larger
_ENDS = 4096  # bytes at both ends of a file among which the mark is
_CAN_BE_OTHER = "name another OUTPUT"


def targets(inputs: Inputs, output: Path) -> dict[Path, Path]:
    """Each picture or video of `inputs` with the file in `output` that is to be made of it.

    A picture keeps its name and its place below the folder. JPEG and PNG stay what they are, others become PNG and get
    `.png` behind their name; a video becomes NAME.mp4.

    Raises:
      UserError: `output` is the folder of the images, or no folder, or holds a file of such a name from elsewhere.
    """
    _require_folder(output, inputs)
    chosen: dict[Path, Path] = {}
    taken: set[Path] = set()
    for photo in inputs.photos:
        target = output / photo.relative_to(inputs.folder)
        while target in taken or target.suffix.lower() not in (*JPEG, *PNG):
            target = target.with_name(f"{target.name}.png")
        taken.add(target)
        chosen[photo] = target
    if inputs.video:
        chosen[inputs.video] = output / f"{inputs.video.stem}.mp4"
    for target in chosen.values():
        _require_replaceable(target)
    return chosen


def _require_folder(output: Path, inputs: Inputs) -> None:
    if output.exists() and not output.is_dir():
        raise UserError(f"OUTPUT={output} is a file; {_CAN_BE_OTHER}, a folder")
    if output.resolve() == inputs.folder.resolve():
        raise UserError(f"OUTPUT={output} is the folder of the images themselves; {_CAN_BE_OTHER}")


def _require_replaceable(target: Path) -> None:
    is_there = target.is_symlink() or target.exists()
    if is_there and not (target.is_file() and is_ours(target)):
        raise UserError(f"{shown(target)} is there and was not made by make detect; {_CAN_BE_OTHER}, or move it away")


def is_ours(path: Path) -> bool:
    """Whether the file carries the mark."""
    with path.open("rb") as file:
        head = file.read(_ENDS)
        file.seek(max(0, path.stat().st_size - _ENDS))
        return MARK in head or MARK in file.read()


def save(image: Image.Image, target: Path) -> int:
    """Write a picture, JPEG or PNG by its name; returns its bytes.

    Raises:
      InputError: the name leaves no room for a temporary one.
    """
    try:
        with files.atomic_file(target) as unfinished:
            _write(image, unfinished, target.suffix.lower() in JPEG)
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise InputError("its name is too long") from None
        raise
    return target.stat().st_size


def _write(image: Image.Image, path: Path, as_jpeg: bool) -> None:
    if as_jpeg:
        image.save(path, "JPEG", quality=QUALITY, comment=MARK)
        return
    text = PngImagePlugin.PngInfo()
    text.add_text("Software", MARK.decode())
    image.save(path, "PNG", pnginfo=text, compress_level=_COMPRESSION)


@contextmanager
def video_file(target: Path) -> Iterator[Path]:
    """Yield a path that ends in .mp4 to write a video to; it becomes `target` if the block ends well, else it goes."""
    with files.atomic_file(target) as unfinished:
        part = unfinished.with_name(f"{unfinished.name}.mp4")  # by its name is the format chosen
        try:
            yield part
            with part.open("ab") as file:  # a box of no meaning; source: ISO/IEC 14496-12, 8.1.2 (free space)
                file.write(struct.pack(">I4s", 8 + len(MARK), b"free") + MARK)
            part.rename(unfinished)
        finally:
            part.unlink(missing_ok=True)
