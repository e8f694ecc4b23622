"""Look at this machine and at what is there of Todus: tell what is missing, and how to mend it.

    python -m todus.doctor

Changes nothing (but make sets up the environment first, as for every verb). Ends with status 1 if something is wrong:
its line begins with `wrong`, and ends with the fix. A `note` is of something that need not be wrong: a host that cannot
be reached, little memory.
"""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import todus
from todus import command, files, layout, progress
from todus.bridge import location
from todus.errors import TodusError, WorldError
from todus.layout import Home

GOOD, NOTE, WRONG = "ok", "note", "wrong"
PYTHONS = ((3, 10), (3, 13))
LITTLE_MEMORY = 4 << 30  # bytes; training at 300x300 with 8 images a step takes about three quarters of it
LITTLE_SPACE = 5 << 30  # bytes; a few categories of COCO and a model
PATIENCE = 5.0  # seconds that a host has to answer
NVIDIA = Path("/proc/driver/nvidia/version")
FEW = 3  # packages that are named
MADE_BY_TODUS = "made-by-todus"  # the file by which scripts/build-venv.sh knows its environments
REQUIREMENTS = layout.CHECKOUT / "requirements.txt"
Found = tuple[str, ...]  # the state, what was found, and what helps if something does


@dataclass(frozen=True)
class Finding:
    """What was looked at, how it stands (GOOD, NOTE or WRONG), what was found, and what helps."""

    what: str
    state: str
    found: str
    remedy: str = ""

    @property
    def line(self) -> str:
        remedy = f"; {self.remedy}" if self.remedy else ""
        return f"{self.state:<6} {self.what:<17} {self.found}{remedy}"


def look(home: Home, coco_url: str, zoo_url: str) -> Iterator[Finding]:
    """All findings, one after the other: TensorFlow takes seconds to start, a host to answer."""
    looks = (
        ("machine", machine),
        ("Python", python),
        ("packages", lambda: packages(REQUIREMENTS)),
        ("TensorFlow", tensorflow),
        ("detection API", object_detection),
        ("disk", lambda: space(home)),
        ("COCO", lambda: reachable("COCO", coco_url)),
        ("zoo", lambda: reachable("ZOO", zoo_url)),
        ("dataset limited", lambda: dataset(home.dataset("limited"))),
        ("dataset complete", lambda: dataset(home.dataset("complete"))),
        ("models", lambda: models(home)),
    )
    for what, find in looks:
        try:
            yield Finding(what, *find())
        except TodusError as error:
            yield Finding(what, WRONG, *str(error).split("; ", 1))
        except Exception as error:  # whatever packages raise that do not go together, while they are imported
            first_line = (str(error).splitlines() or [""])[0]
            yield Finding(what, WRONG, f"{type(error).__name__}: {first_line}", "run: make clean-venv install")


def machine() -> Found:
    from todus.coco.records import workers

    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    system = f"{platform.system()} on {platform.machine()}"
    found = f"{system}, {workers.cores()} cores, {progress.human_size(memory)} of memory"
    if memory < LITTLE_MEMORY:
        return NOTE, found, "to train, lower BATCH_SIZE, or train on another machine"
    return GOOD, found


def python() -> Found:
    found = f"{platform.python_version()} in {progress.shown(Path(sys.prefix))}, Todus {todus.__version__}"
    if PYTHONS[0] <= sys.version_info[:2] <= PYTHONS[1]:
        return GOOD, found
    return WRONG, found, "Todus runs on 3.10 to 3.13; run: make install PYTHON=python3.12"


def packages(requirements: Path) -> Found:
    """Whether what is installed are the versions that Todus was tested with."""
    pinned = list(_pinned(requirements))
    others = [f"{name} {there or 'is missing'} (not {wanted})" for name, wanted, there in pinned if there != wanted]
    if not others:
        return GOOD, f"all {len(pinned)} as pinned"
    found = ", ".join(others[:FEW]) + (f" and {len(others) - FEW} more" if len(others) > FEW else "")
    if (Path(sys.prefix) / MADE_BY_TODUS).exists():
        return WRONG, found, "run: make clean-venv install"
    return NOTE, f"{found}, in an environment of your own", "should something fail, leave VENV out"


def _pinned(requirements: Path) -> Iterator[tuple[str, str, str]]:
    """(name, version wanted, version installed or "") for each package that this machine needs."""
    from packaging.requirements import Requirement

    for line in requirements.read_text(encoding="utf-8").splitlines():
        if not line or line.startswith(("#", "-")):
            continue
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate():
            [wanted] = requirement.specifier
            yield requirement.name, wanted.version, _installed(requirement.name)


def _installed(package: str) -> str:
    names = (package, "tensorflow") if package == "tensorflow-cpu" else (package,)  # GPU=1 has the other one
    for name in names:
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return ""


def tensorflow() -> Found:
    from todus.bridge.graph_mode import tf

    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        return GOOD, f"{tf.__version__}, with {len(gpus)} GPU{'s' * (len(gpus) > 1)}"
    if NVIDIA.exists():
        found = f"{tf.__version__}, which does not see the NVIDIA GPU of this machine"
        return WRONG, found, "run: make install GPU=1, or set CUDA_VISIBLE_DEVICES anew"
    return GOOD, f"{tf.__version__}, without a GPU"


def object_detection() -> Found:
    return GOOD, progress.shown(location.put_on_path())


def space(home: Home) -> Found:
    folder = files.nearest_existing(home.folder)
    free = shutil.disk_usage(folder).free
    found = f"{progress.human_size(free)} free in {home.folder}"
    if not os.access(folder, os.W_OK):
        return WRONG, f"{folder} may not be written", "name another folder with TODUS_HOME"
    if free < LITTLE_SPACE:
        return NOTE, found, "make categories tells what a dataset takes; TODUS_HOME names another disk"
    return GOOD, found


def reachable(what: str, url: str) -> Found:
    """Whether the host of `url` answers, whatever it says, by the way that downloads take."""
    from todus.download import local_path
    from todus.downloading import transport

    local = local_path(url)
    if local is not None:
        if local.is_dir():
            return GOOD, url
        return WRONG, f"{url} is not there", f"name another folder with {what.upper()}_URL"
    try:
        with transport.answer(url, {}, transport.Patience(timeout=PATIENCE)):
            pass
    except transport.TryAgain as problem:
        remedy = "what is here already serves; behind a proxy set http_proxy and https_proxy, or name a mirror"
        return NOTE, f"{url} cannot be reached ({problem})", remedy
    except WorldError:  # there is nothing at this very address, but somebody answers
        pass
    return GOOD, f"{url} answers"


def dataset(place: layout.Dataset) -> Found:
    from todus.coco import manifest

    made, where = manifest.read(place), progress.shown(place.folder)
    if made:
        images = ", ".join(f"{split['images']:,} {part} images" for part, split in made["splits"].items())
        return GOOD, f"{where} ({images})"
    if place.folder.exists():
        return NOTE, f"{where} is not whole", f"run: make dataset-{place.name}"
    return NOTE, "not made", f"run: make dataset-{place.name}, if you want it"


def models(home: Home) -> Found:
    from todus.zoo import prepared

    names = sorted(folder.name for folder in home.models.glob("*") if prepared.is_prepared(home.model(folder.name)))
    if not names:
        return NOTE, "none prepared yet", "make models lists the zoo's; run: make model MODEL=..."
    return GOOD, f"{', '.join(names)}; make status tells more"


def main() -> int:
    parser = command.parser(__doc__)
    parser.add_argument("--coco-url", required=True, metavar="URL", help="COCO or a mirror of it")
    parser.add_argument("--zoo-url", required=True, metavar="URL", help="the zoo or a mirror of it")
    arguments = parser.parse_args()
    count = 0
    for finding in look(Home(arguments.home), arguments.coco_url, arguments.zoo_url):
        progress.say(finding.line)
        count += finding.state == WRONG
    progress.say(f"\n{count} of these {'is' if count == 1 else 'are'} wrong" if count else "\nnothing is wrong")
    return min(count, 1)


if __name__ == "__main__":
    command.run(main)
