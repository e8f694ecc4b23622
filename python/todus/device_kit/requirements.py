"""The packages that a device needs, in the versions that Todus itself is tested with."""

from __future__ import annotations

import re

from todus.layout import CHECKOUT

_PIN = re.compile(r"(?P<name>[\w.-]+)==\S+.*")


def pinned(*packages: str) -> list[str]:
    """The lines of Todus's own requirements.txt for `packages`, with what they say of versions of Python.

    Raises:
      LookupError: a package has no line there.
    """
    lines = (CHECKOUT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    pins = [pin for pin in map(_PIN.fullmatch, lines) if pin]
    found = {package: [pin[0] for pin in pins if pin["name"] == package] for package in packages}
    for package, own in found.items():
        if not own:
            raise LookupError(f"{package} has no pin in requirements.txt")
    return [pin for own in found.values() for pin in own]
