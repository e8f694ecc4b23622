"""List how many images, boxes and bytes COCO has of every category, and of the chosen ones together.

    python -m todus.coco.statistics --categories "bear horse giraffe" --splits "train val"
    python -m todus.coco.statistics --json

Needs the annotations of COCO only. Boxes are counted as a dataset would hold them. --json prints one object:

    splits           those asked for
    categories       a list of {name, supercategory, chosen (true or false), together, splits: {SPLIT: figures}}
    supercategories  a list of {name, categories: [names], together, splits}
    chosen           {categories: [names], together, splits, already_there: {images, bytes}}
    all              {together, splits}, where images that show nothing count too
    unlabelled       {SPLIT: {images, bytes}}: test-dev, which is kept whole whatever the categories
    sizes_are_exact  false where bytes of a split with boxes are an estimate, by the mean size of its images
    estimated        a list of the splits of which that is so, those without boxes among them

`together` and each of `splits` are figures: {images, boxes, crowds, median_area, bytes}. An image that shows several of
the categories counts once; crowds are among the boxes; median_area is that of the boxes, in square pixels (null where
there is none); bytes are those of the images.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shlex
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from todus import command, layout, progress
from todus.coco import categories, category_table, choice, counts, options, raw_data
from todus.coco.survey import Survey, survey


def as_json(result: Survey) -> dict[str, Any]:
    """The object that --json prints, as this module's text describes it."""
    per_category = [
        {"name": name, "supercategory": group, "chosen": name in result.chosen, **_figures(result, [name])}
        for group, members in result.groups.items()
        for name in members
    ]
    return {
        "splits": [split for split in layout.SHARDS if split in {*result.splits, *result.unlabelled}],
        "categories": per_category,
        "supercategories": [
            {"name": group, "categories": members, **_figures(result, members)}
            for group, members in result.groups.items()
            if group
        ],
        "chosen": {
            "categories": result.chosen,
            **_figures(result, result.chosen),
            "already_there": asdict(result.there),
        },
        "all": {
            "together": asdict(result.figures_of_all()),
            "splits": {name: asdict(counts.figures_of_all([split])) for name, split in result.splits.items()},
        },
        "unlabelled": {name: asdict(files) for name, files in result.unlabelled.items()},
        "sizes_are_exact": result.sizes_are_exact,
        "estimated": list(result.estimated),
    }


def _figures(result: Survey, names: Sequence[str]) -> dict[str, Any]:
    return {
        "together": asdict(result.figures(names)),
        "splits": {name: asdict(counts.figures([split], names)) for name, split in result.splits.items()},
    }


def _next_command(given: argparse.Namespace, home: layout.Home) -> str:
    """Makes the dataset of what was listed; SPLITS and COCO_URL are left out where they are the default."""
    words = f"make dataset-limited CATEGORIES={shlex.quote(' '.join(given.categories.split()))}"
    if choice.splits(given.splits) != choice.splits(choice.DEFAULT_SPLITS):
        words += f" SPLITS={shlex.quote(' '.join(choice.splits(given.splits)))}"
    if not raw_data.same_source(given.coco_url, raw_data.DEFAULT_URL):
        words += f" COCO_URL={shlex.quote(given.coco_url)}"
    return words + command.elsewhere(home)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = command.parser(__doc__)
    options.add(parser, "what to mark", categories.DEFAULT)
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else on stdout")
    given = parser.parse_args(sys.argv[1:] if arguments is None else arguments)
    home = layout.Home(given.home)
    # What is said on the way is not part of the object.
    with contextlib.redirect_stdout(sys.stderr) if given.json else contextlib.nullcontext():
        result = survey(home.raw_data, given.categories, choice.splits(given.splits), given.coco_url)
    if given.json:
        progress.say(json.dumps(as_json(result), indent=1, ensure_ascii=False))
        return
    progress.say("\n".join(["", *category_table.lines(result), "", *category_table.notes(result)]))
    progress.next_step(_next_command(given, home))


if __name__ == "__main__":
    command.run(main)
