"""Write a folder to copy to a device: the model, its labels, a program that runs it there, and how to begin.

    python -m todus.device_kit.kit --model-dir model/NAME                   device-kit-tflite/, for TensorFlow Lite
    python -m todus.device_kit.kit --model-dir model/NAME --format onnx     device-kit-onnx/, for onnxruntime
    python -m todus.device_kit.kit --model-dir model/NAME --format uff      device-kit-uff/, for TensorRT 5.1 to 8

NAME.tflite, NAME.onnx or NAME.uff is taken as it was converted; an ONNX file of NMS=tensorrt makes a kit for TensorRT
8.5 and later. The program is one file that needs nothing of Todus.
"""

from __future__ import annotations

import argparse
import shlex
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

from todus import command, files, layout, progress
from todus.device_kit import existing
from todus.device_kit.naming import DESCRIPTION, ENVIRONMENT, FORMATS, PROGRAM, README, REQUIREMENTS, TFLITE
from todus.layout import Model
from todus.zoo import prepared

if TYPE_CHECKING:
    from todus.device_kit.contents import Contents


def make(model: Model, file_format: str = TFLITE) -> Contents:
    """Write model/NAME/device-kit-FORMAT/, in the place of an earlier one, and return what is in it.

    Args:
      file_format: one of FORMATS.

    Raises:
      UserError: the model is not converted, its file is of other categories, or the folder is not a kit, or holds
        files of the user's.
    """
    from todus.device_kit import contents

    prepared.require_model(model)
    folder = model.device_kit(file_format)
    existing.require_replaceable(folder)
    found = contents.of(model, file_format)
    had_environment = existing.has_environment(folder)
    started = time.monotonic()
    with files.atomic_folder(folder) as unfinished:
        write(unfinished, found)
    progress.made(folder, started)
    for fact in found.facts:
        progress.say(f"  {fact}")
    if had_environment:
        progress.say(f"note: {ENVIRONMENT} went with the kit of before; its {README} tells how to make it again")
    return found


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
    existing.write_sums(folder)


def main() -> None:
    arguments = parse_arguments()
    model = Model(arguments.model_dir)
    contents = make(model, arguments.format)
    tell_next_steps(model.device_kit(arguments.format), contents)


def tell_next_steps(folder: Path, contents: Contents) -> None:
    from todus.device_kit import readme

    progress.say(f"on the device (named device below, put the name of yours), in {folder.name}/:")
    for line in readme.commands(contents):
        progress.say(f"  {line}")
    progress.next_step(f"scp -r {shlex.quote(str(progress.shown(folder)))} device:")


def parse_arguments() -> argparse.Namespace:
    parser = command.parser(__doc__)
    command.add_model_dir(parser)
    parser.add_argument("--format", default=TFLITE, choices=FORMATS, help="of the model (default: %(default)s)")
    return parser.parse_args()


if __name__ == "__main__":
    command.run(main)
