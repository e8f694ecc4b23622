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
from todus.device_kit.naming import DESCRIPTION, ENVIRONMENT, PROGRAM, REQUIREMENTS, SUMS

PRETRAINED = "pretrained"  # how an ONNX file of GRAPH=pretrained names its checkpoint
_TRTEXEC_PLACE = "PATH=$PATH:/usr/src/tensorrt/bin"  # where JetPack has it
_NOT_TRIED = (
    "Whoever wrote this had no such device: the program follows TensorRT's documentation and was not run on one."
)
_VENV = """\
Raspberry Pi OS and Ubuntu install nothing beside their own packages, so the first command makes an environment here,
`.venv`. Where it says that ensurepip is not available: `sudo apt-get install python3-venv`, and once more."""
_OLDER_PYTHON = """\
The versions in requirements.txt are for Python 3.10 to 3.13, on 64-bit ARM and on PCs. On an older Python, give pip the
names without versions; it takes the newest that run there (not tried)."""
_CUDA = """\
The program needs TensorRT's own Python package, which comes with JetPack; the environment sees it by
`--system-site-packages`. (If there is no venv: `sudo apt-get install python3-venv`.) cuda-python is to be of the CUDA
of the device: 12 on JetPack 6; on JetPack 5 it is `"cuda-python==11.*"`. The engine runs on this device and with this
TensorRT only."""
_PYCUDA = """\
The program needs TensorRT's own Python package, which comes with JetPack; the environment sees it by
`--system-site-packages`. Before the commands:

    sudo apt-get install build-essential python3-dev python3-venv python3-numpy python3-pil

pip compiles pycuda, with CUDA's nvcc. The engine runs on this device and with this TensorRT only."""
_FLATTEN = """\
{plugin} has the plugin FlattenConcat_TRT, which TensorRT 5 and 6 do not have of their own: build it there from
NVIDIA's sample, /usr/src/tensorrt/samples/python/uff_ssd, and copy it here first."""
_BY_SCRIPT = """\
The model was prepared by a script (CONFIG). That its pixels are 2 / 255 * x - 1 is assumed: compare `prepared` in
detect.py, and `mean` and `deviation` in model.json, with what the script does."""
_SETUP = {
    "detect_tflite": f"python3 -m venv {ENVIRONMENT} && {ENVIRONMENT}/bin/pip install -r {REQUIREMENTS}",
    "detect_onnx": f"python3 -m venv {ENVIRONMENT} && {ENVIRONMENT}/bin/pip install -r {REQUIREMENTS}",
    "detect_tensorrt": (
        f"python3 -m venv --system-site-packages {ENVIRONMENT} && "
        f'{ENVIRONMENT}/bin/pip install numpy pillow "cuda-python==12.*"'
    ),
    "detect_uff": (
        f"python3 -m venv --system-site-packages {ENVIRONMENT} && "
        f"PATH=$PATH:/usr/local/cuda/bin {ENVIRONMENT}/bin/pip install pycuda"
    ),
}


def text(contents: Contents) -> str:
    """The whole README, Markdown."""
    return "\n\n".join((*_beginning(contents), _files(contents), *_model(contents), _end())) + "\n"


def commands(contents: Contents) -> list[str]:
    """What to run on the device, in the kit's folder, in this order."""
    plugin = f" --plugin ./{contents.plugin}" if contents.plugin else ""
    build = [f"{_TRTEXEC_PLACE} {contents.build}"] if contents.build else []
    return [*build, _SETUP[contents.example], f"{ENVIRONMENT}/bin/python {PROGRAM}{plugin} photo.jpg"]


def _beginning(contents: Contents) -> Iterator[str]:
    yield f"# {contents.file.stem}, for {contents.runtime}"
    yield "Copy this folder to the device, and there, in it:"
    yield "\n".join(f"    {line}" for line in commands(contents))
    yield (
        "For each photograph it tells what was found, with scores and places in pixels, and how long that took. The\n"
        "option `--help` lists the others: `--threshold`, `--json` for programs, `--draw` for pictures."
    )
    yield from _requirements(contents)


def _requirements(contents: Contents) -> Iterator[str]:
    if not contents.build:
        yield _VENV
        yield _OLDER_PYTHON
        return
    yield _PYCUDA if contents.example == "detect_uff" else _CUDA
    if contents.plugin:
        yield _FLATTEN.format(plugin=contents.plugin)
    if contents.is_by_script:
        yield _BY_SCRIPT
    yield _NOT_TRIED


def _files(contents: Contents) -> str:
    of_model = DESCRIPTION if contents.description else "the model"
    about = {
        contents.file.name: "the model",
        layout.LABELS: f"its categories, one a line, to look up; {PROGRAM} reads them from {of_model}",
        PROGRAM: "detects with it; one file that needs nothing of Todus, to be taken apart as you like",
    }
    if contents.requirements:
        about[REQUIREMENTS] = "the Python packages that it needs"
    if contents.description:
        about[DESCRIPTION] = "what it has to know of the model"
    about[SUMS] = f"for `sha256sum -c {SUMS}`, which tells whether all arrived whole"
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
    return f"Made by Todus {todus.__version__} with `make device-kit`."
