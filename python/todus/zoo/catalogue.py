"""The models of the TensorFlow 1 detection zoo, as config/zoo.toml lists them."""

from __future__ import annotations

import difflib
import sys
from pathlib import Path

from todus import layout
from todus.errors import UserError

if sys.version_info >= (3, 11):
    import tomllib
else:  # Python 3.10 has no TOML reader of its own
    import tomli as tomllib

OFFICIAL_ZOO = "http://download.tensorflow.org/models/object_detection"
CATALOGUE = layout.CONFIG / "zoo.toml"


def load(path: Path = CATALOGUE) -> dict[str, dict]:
    """Facts of each model by its archive's name; see the head of config/zoo.toml for what they mean."""
    with path.open("rb") as file:
        return tomllib.load(file)


def check_known(name: str) -> None:
    """Raises UserError with the nearest names if the zoo has no model `name`."""
    if name not in load():
        raise UserError(f"no model {name!r} in the zoo; {nearest(name)}")


def nearest(name: str) -> str:
    """`did you mean X or Y? make models lists all`, for the end of an error message."""
    close = _nearest(name.lower(), list(load())) if name else []
    meant = f"did you mean {' or '.join(close)}? " if close else ""
    return f"{meant}make models lists all"


def _nearest(name: str, known: list[str]) -> list[str]:
    """At most three: those that have every word of `name` in theirs, then those that look like it."""
    with_words = [other for other in known if all(word in other for word in name.split("_"))]
    alike = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    return list(dict.fromkeys([*with_words, *alike]))[:3]
