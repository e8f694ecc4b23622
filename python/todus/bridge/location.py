"""Where the Object Detection API lies: the installed package, or a checkout that the user points at.

OBJECT_DETECTION_DIR names the `research` folder of a tensorflow/models checkout (the folder that holds
`object_detection/`), for those who need another revision than the one in requirements.txt.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

from todus.errors import UserError

CHECKOUT_VARIABLE = "OBJECT_DETECTION_DIR"


def put_on_path() -> Path:
    """Put the API, and the `nets` package that it imports by its bare name, on sys.path; return the API's folder.

    A checkout keeps `nets` in research/slim; the PyPI package keeps it inside `object_detection` itself.

    Raises:
      UserError: there is no API at the place named, or none is installed.
    """
    checkout = os.environ.get(CHECKOUT_VARIABLE)
    if checkout:
        folder = Path(checkout).expanduser().resolve() / "object_detection"
        if not (folder / "model_lib.py").is_file():
            raise UserError(
                f"{CHECKOUT_VARIABLE}={checkout} holds no object_detection/model_lib.py; "
                "point it at the research folder of a tensorflow/models checkout, or unset it"
            )
        _prepend(folder.parent)
    else:
        spec = importlib.util.find_spec("object_detection")
        if spec is None or not spec.submodule_search_locations:
            raise UserError("the Object Detection API is not installed; run: make install")
        folder = Path(next(iter(spec.submodule_search_locations))).resolve()
    slim = folder.parent / "slim"
    _prepend(slim if (slim / "nets").is_dir() else folder)
    return folder


def _prepend(folder: Path) -> None:
    """Make `folder` the first place to look, also where it is on the path already but behind others."""
    if sys.path[0] != str(folder):
        sys.path[:] = [str(folder), *(entry for entry in sys.path if entry != str(folder))]
