"""From what a user types to categories of COCO: `"bear horse"`, `"person, traffic light"`, `vehicle`."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence

from todus.errors import UserError

DEFAULT = "person bicycle car motorcycle airplane bus train truck boat"
NEAREST = 3  # names offered for an unknown one
FEW = 12  # categories that fit in an error message


def parse(text: str, known: Sequence[Mapping], listed_in: str = "") -> list[dict]:
    """The categories that `text` names, each once, in the order of `known`.

    Args:
      text: names separated by spaces, or by commas. Case and underscores are forgiven, a name with a space is
        understood without commas too (the longest one that fits), and a supercategory stands for its members.
      known: COCO's category dicts (`id`, `name`, `supercategory`), in the order of the annotation file.
      listed_in: where the user finds all names, for the message about unknown ones.

    Raises UserError that lists every unknown name, each with the nearest known ones.
    """
    members = _members(known)
    chosen: set[str] = set()
    unknown: list[str] = []
    for piece in text.split(",") if "," in text else [text]:
        found, missing = _match(_plain(piece), members)
        if missing and "," in text and not found:
            missing = [_plain(piece)]  # between commas it was meant as one name
        chosen.update(name for key in found for name in members[key])
        unknown += [name for name in missing if name not in unknown]
    if unknown:
        raise UserError(_about_unknown(unknown, members, known, listed_in))
    if not chosen:
        raise UserError(f"no categories are given; name some, for example CATEGORIES='{_example(known)}'")
    return [dict(category) for category in known if category["name"] in chosen]


def _plain(text: str) -> str:
    return " ".join(text.replace("_", " ").casefold().split())


def _members(known: Iterable[Mapping]) -> dict[str, list[str]]:
    """Every name that can be typed, in plain form, with the categories it stands for."""
    members: dict[str, list[str]] = {}
    for category in known:
        if category.get("supercategory"):
            members.setdefault(_plain(category["supercategory"]), []).append(category["name"])
    # A category wins over a supercategory of the same name.
    members.update({_plain(category["name"]): [category["name"]] for category in known})
    return members


def _match(text: str, members: Mapping[str, object]) -> tuple[list[str], list[str]]:
    """Split plain `text` into known names, longest first, and runs of unknown words."""
    words = text.split()
    longest = max((len(name.split()) for name in members), default=1)
    found: list[str] = []
    missing: list[list[str]] = []
    position, last_unknown = 0, -2
    while position < len(words):
        for count in range(min(longest, len(words) - position), 0, -1):
            name = " ".join(words[position : position + count])
            if name in members:
                found.append(name)
                position += count
                break
        else:
            if last_unknown == position - 1:
                missing[-1].append(words[position])
            else:
                missing.append([words[position]])
            last_unknown = position
            position += 1
    return found, [name for run in missing for name in _meant(run, members)]


def _meant(run: list[str], members: Mapping[str, object]) -> list[str]:
    """Unknown words side by side: one mistyped name (`trafic lihgt`), or several."""
    together = " ".join(run)
    return [together] if len(run) > 1 and _nearest(together, members, 0.75) else run


def _nearest(name: str, members: Mapping[str, object], cutoff: float = 0.6) -> list[str]:
    return difflib.get_close_matches(name, members, NEAREST, cutoff)


def _about_unknown(unknown: list[str], members: Mapping[str, object], known: Sequence[Mapping], listed_in: str) -> str:
    described = []
    for name in unknown:
        near = _nearest(name, members)
        described.append(f"'{name}' (nearest: {', '.join(near)})" if near else f"'{name}'")
    if len(known) <= FEW or not listed_in:
        listing = f"known are {', '.join(category['name'] for category in known)}"
    else:
        listing = f"all {len(known)} names are in {listed_in}"
    return f"unknown categor{'y' if len(unknown) == 1 else 'ies'} {', '.join(described)}; {listing}"


def _example(known: Sequence[Mapping]) -> str:
    names = [category["name"] for category in known[:2]]
    return (", " if any(" " in name for name in names) else " ").join(names)
