"""Write a folder to copy to a device: the model, its labels, a program that runs it there, and how to begin.

    python -m todus.device_kit.kit --model-dir model/NAME                   device-kit-tflite/, for TensorFlow Lite
    python -m todus.device_kit.kit --model-dir model/NAME --format onnx     device-kit-onnx/, for onnxruntime
    python -m todus.device_kit.kit --model-dir model/NAME --format uff      device-kit-uff/, for TensorRT 5 to 8

NAME.tflite, NAME.onnx or NAME.uff is taken as it was converted, and converted first where it is not there; an ONNX file
of NMS=tensorrt makes a kit for TensorRT 8.5 and later. The program is one file that needs nothing of Todus.
"""

from __future__ import annotations

import argparse
import shlex
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

from todus import command, files, layout, progress
from todus.device_kit.naming import DESCRIPTION, FILES, FORMATS, MADE_BY, PROGRAM, README, REQUIREMENTS, TFLITE
from todus.errors import UserError
from todus.layout import Model
from todus.zoo import prepared

if TYPE_CHECKING:
    from todus.device_kit.contents import Contents


def make(model: Model, file_format: str = TFLITE) -> Contents:
    """Write model/NAME/device-kit-FORMAT/, in the place of an earlier one, and return what is in it.

    Args:
      file_format: one of FORMATS.

    Raises:
      UserError: the model cannot be converted, its file is of other categories, or the folder is not a kit.
    """
    from todus.device_kit import contents

    prepared.require_model(model)
    folder = model.device_kit(file_format)
    require_replaceable(folder, model)
    found = contents.of(model, file_format)
    started = time.monotonic()
    with files.atomic_folder(folder) as unfinished:
        write(unfinished, found)
    progress.made(folder, started)
    return found


def require_replaceable(folder: Path, model: Model) -> None:
    """Raises UserError if `folder` is there, and is not a kit, or holds other files too."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise UserError(f"{progress.shown(folder)} is in the way of the device kit; move it away")
    names = {path.name for path in folder.iterdir()} - {"__pycache__"}
    others = sorted(names - FILES - {f"{model.name}.{suffix}" for suffix in FORMATS})
    if others:
        raise UserError(
            f"{progress.shown(folder)}, which would be written anew, holds what is not of a device kit "
            f"({others[0]}{', ...' if others[1:] else ''}); move that away"
        )
    if names and not is_of_todus(folder / README):
        raise UserError(f"{progress.shown(folder)} is no device kit of Todus, by its {README}; move it away")


def is_of_todus(readme: Path) -> bool:
    return readme.is_file() and MADE_BY in readme.read_text(encoding="utf-8", errors="replace")


def write(folder: Path, contents: Contents) -> None:
    """Fill an empty folder."""
    from todus.device_kit import program, readme

    shutil.copyfile(contents.file, folder / contents.file.name)
    files.write_text(folder / PROGRAM, program.text(contents.example))
    files.write_text(folder / layout.LABELS, "".join(f"{label}\n" for label in contents.labels))
    if contents.requirements:
        files.write_text(folder / REQUIREMENTS, "".join(f"{line}\n" for line in contents.requirements))
    if contents.description:
        files.write_json(folder / DESCRIPTION, contents.description, indent=1)
    files.write_text(folder / README, readme.text(contents))


def main() -> None:
    arguments = parse_arguments()
    model = Model(arguments.model_dir)
    contents = make(model, arguments.format)
    progress.next_step(next_step(model.device_kit(arguments.format), contents))


def next_step(folder: Path, contents: Contents) -> str:
    from todus.device_kit import readme

    copy = f"scp -r {shlex.quote(str(progress.shown(folder)))} device:"
    return f"{copy} (by the name of yours), and there, in {folder.name}/: {' && '.join(readme.commands(contents))}"


def parse_arguments() -> argparse.Namespace:
    parser = command.parser(__doc__)
    command.add_model_dir(parser)
    parser.add_argument("--format", default=TFLITE, choices=FORMATS, help="of the model (default: %(default)s)")
    return parser.parse_args()


if __name__ == "__main__":
    command.run(main)
