"""The README is true: it has the verbs of the Makefile, the models of the catalogue, and a picture that is there."""

from __future__ import annotations

import re

from todus import layout
from todus.zoo import catalogue

README = (layout.CHECKOUT / "README.md").read_text(encoding="utf-8")
MAKEFILE = (layout.CHECKOUT / "Makefile").read_text(encoding="utf-8")


def test_its_table_has_every_verb_and_no_other() -> None:
    table = README.split("| verb |")[1].split("\n\n")[0]
    described = {verb for row in table.splitlines() for verb in re.findall(r"`([a-z-]+)`", row.split("|")[1])[:9]}
    verbs = set(re.findall(r"^([a-z][a-z-]*):.*## ", MAKEFILE, re.MULTILINE))
    assert described == verbs


def test_its_variables_are_those_of_the_makefile() -> None:
    known = set(re.findall(r"^([A-Z_]+) \?=", MAKEFILE, re.MULTILINE))
    used = set(re.findall(r"\b([A-Z_]{3,})=", README.split("## Coming from")[0]))
    known |= {"TF_CONFIG"}  # TensorFlow's own
    assert used <= known, used - known


def test_the_models_it_shows_have_the_figures_of_the_catalogue() -> None:
    rows = re.findall(r"^\| `([\w.]+)` \| (\d+[x-]\d+) \| (\d+) \| (\d+) \|$", README, re.MULTILINE)
    table = README.split("| model | input |")[1].split("\n\n")[0]
    assert len(rows) == len(table.splitlines()) - 2 > 5, "a row that is not understood is not compared"
    zoo = catalogue.load()
    for name, *figures in rows:
        facts = zoo[name]
        assert figures == [facts["input"], str(facts["coco_map"]), str(facts["ms"])], name
        assert "device" not in facts, "the column is headed Titan X"
    assert f"lists all {len(zoo)} that" in README


def test_what_it_links_to_is_there() -> None:
    for target in re.findall(r"\]\(((?!http)[^)]+)\)", README):
        assert (layout.CHECKOUT / target).exists(), target
