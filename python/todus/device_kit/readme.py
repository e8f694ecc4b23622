"""The README of a device kit."""

from __future__ import annotations

import re
import textwrap
import time
from collections.abc import Iterator

import todus
from todus import layout
from todus.coco.labels import NO_SUCH_CLASS
from todus.device_kit.contents import Contents
from todus.device_kit.naming import DESCRIPTION, MADE_BY, PROGRAM, REQUIREMENTS

PRETRAINED = "pretrained"  # how an ONNX file of GRAPH=pretrained names its checkpoint
_NOT_TRIED = (
    "Whoever wrote this had no such device: the program follows TensorRT's documentation and was not run on one."
)
_OLDER_PYTHON = """\
The versions in requirements.txt are for Python 3.10 to 3.13, on 64-bit ARM and on PCs. On an older Python, give pip the
names without versions; it takes the newest that run there (not tried)."""
_CUDA = """\
On a Jetson, trtexec is in /usr/src/tensorrt/bin. The program needs TensorRT's own Python package, which comes with
JetPack, and `pip install numpy pillow cuda-python`; where that brings a cuda-python for another CUDA than the device's,
name its version: `"cuda-python==12.*"`. The engine runs on this device and with this TensorRT only."""
_PYCUDA = """\
On a Jetson, trtexec is in /usr/src/tensorrt/bin. The program needs TensorRT's own Python package, which comes with
JetPack, `sudo apt-get install python3-numpy python3-pil`, and `pip3 install pycuda`, which is compiled (with CUDA's
nvcc, so have /usr/local/cuda/bin in PATH). The engine runs on this device and with this TensorRT only. If the model was
converted with PLUGINS=trt5, both commands take the library with FlattenConcat_TRT besides: `trtexec --plugins=FILE.so`,
`detect.py --plugin FILE.so`. If it was converted by a script (CONFIG), compare what that makes of pixels with what
`prepared` does in detect.py."""
_REQUIRED = {
    "detect_tflite": _OLDER_PYTHON,
    "detect_onnx": _OLDER_PYTHON,
    "detect_tensorrt": f"{_CUDA}\n\n{_NOT_TRIED}",
    "detect_uff": f"{_PYCUDA}\n\n{_NOT_TRIED}",
}


def text(contents: Contents) -> str:
    """The whole README, Markdown."""
    return "\n\n".join((*_beginning(contents), _files(contents), *_model(contents), _end())) + "\n"


def commands(contents: Contents) -> tuple[str, str]:
    """What to run on the device, in the kit's folder."""
    if contents.build:
        return contents.build, f"python3 {PROGRAM} photo.jpg"
    return f"pip install -r {REQUIREMENTS}", f"python {PROGRAM} photo.jpg"


def _beginning(contents: Contents) -> Iterator[str]:
    yield f"# {contents.file.stem}, for {contents.runtime}"
    yield "Copy this folder to the device, and there, in it:"
    yield "\n".join(f"    {line}" for line in commands(contents))
    yield (
        "For each photograph it tells what was found, with scores and places in pixels, and how long that took. The\n"
        "option `--help` lists the others: `--threshold`, `--json` for programs, `--draw` for pictures."
    )
    yield _REQUIRED[contents.example]


def _files(contents: Contents) -> str:
    about = {
        contents.file.name: "the model",
        layout.LABELS: "its categories, one a line",
        PROGRAM: "detects with it; one file that needs nothing of Todus, to be taken apart as you like",
    }
    if contents.requirements:
        about[REQUIREMENTS] = "the Python packages that it needs"
    if contents.description:
        about[DESCRIPTION] = "what it has to know of the model"
    return "\n".join(["| file | |", "|---|---|", *(f"| `{name}` | {what} |" for name, what in about.items())])


def _model(contents: Contents) -> Iterator[str]:
    yield "## The model"
    yield "\n".join(f"- {fact}" for fact in _whole(contents.facts))
    categories = [label for label in contents.labels if label != NO_SUCH_CLASS]
    yield textwrap.fill(f"It detects {len(categories)} categories: {', '.join(categories)}.", 120)
    of = "the zoo's own checkpoint" if contents.weights == PRETRAINED else contents.weights
    weights = f"Its weights are those of {of}. " if of else ""
    converted = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(contents.file.stat().st_mtime))
    yield f"{weights}It was converted on {converted}."


def _whole(lines: list[str]) -> list[str]:
    """`lines`, with those that begin with a space put at the end of the one that they go on with."""
    return re.sub(r"\n +", " ", "\n".join(lines)).split("\n")


def _end() -> str:
    return f"{MADE_BY} {todus.__version__} with `make device-kit`."
