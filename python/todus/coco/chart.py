"""A chart of the boxes of every category, a panel for each split. Needs matplotlib when it is drawn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from todus import files, picture
from todus.coco import annotations

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LONGEST_NAME = 32  # characters that are shown of a category's name
BAR, AROUND, PANEL, LABELS = 0.22, 0.55, 4.2, 1.6  # inches: a bar, what is above and below all, a panel, the names
DOTS_PER_INCH = 110
BLUNT = 100  # where one bar is so many times as long as another, that one could not be seen: the scale is logarithmic
BASE = 1 / 3  # of the shortest bar's boxes: where a logarithmic scale begins, so that this bar can be seen
ROOM_FOR_NUMBERS = 1.22  # times the longest bar


def write_chart(truths: Mapping[str, annotations.GroundTruth], path: Path) -> None:
    """Write a PNG of horizontal bars, most boxes first: a panel for each split of `truths`, a bar for each category.

    Equal input makes equal bytes. Splits without annotations are left out; if none is left, nothing is written.
    """
    counts = {split: _counts(truth) for split, truth in truths.items() if truth.is_annotated}
    if not counts:
        return
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # here, because it takes half a second
    from matplotlib.figure import Figure

    together = sum(counts.values(), Counter())
    names = sorted(dict.fromkeys(name for part in counts.values() for name in part), key=lambda name: -together[name])
    figure = Figure((LABELS + PANEL * len(counts), AROUND + BAR * len(names)), DOTS_PER_INCH, layout="constrained")
    FigureCanvasAgg(figure)
    figure.get_layout_engine().set(w_pad=0.1, h_pad=0.1)
    logarithmic = any(_is_blunt(part.values()) for part in counts.values())
    panels = figure.subplots(1, len(counts), sharey=True, squeeze=False)[0]
    for panel, colour, (split, part) in zip(panels, _colours(len(counts)), counts.items(), strict=True):
        _draw_panel(panel, split, [part[name] for name in names], colour, logarithmic)
    _name_bars(panels[0], names)
    with files.atomic_file(path) as unfinished:
        figure.savefig(unfinished, format="png", metadata={"Software": None})


def _counts(truth: annotations.GroundTruth) -> Counter[str]:
    """Boxes of every category by name, with the zeros."""
    by_id = Counter(box.category_id for box in truth.boxes)
    return Counter({category["name"]: by_id[category["id"]] for category in truth.categories})


def _colours(count: int) -> list[str]:
    """As matplotlib writes them; those that differ most come first."""
    palette = [picture.COLOURS[4], picture.COLOURS[0], picture.COLOURS[2]]
    return ["#{:02x}{:02x}{:02x}".format(*palette[index % len(palette)]) for index in range(count)]


def _is_blunt(numbers: Iterable[int]) -> bool:
    shown = [number for number in numbers if number]
    return bool(shown) and max(shown) / min(shown) >= BLUNT


def _draw_panel(panel: Axes, split: str, numbers: Sequence[int], colour: str, logarithmic: bool) -> None:
    bars = panel.barh(range(len(numbers)), numbers, color=colour, height=0.74)
    panel.bar_label(bars, fmt="{:,.0f}", padding=3, fontsize=8)
    most, least = max(*numbers, 1), min((number for number in numbers if number), default=1)
    if logarithmic and any(numbers):
        base = least * BASE
        panel.set_xscale("log")
        panel.set_xlim(base, base * (most / base) ** ROOM_FOR_NUMBERS)
        note = {"xytext": (0, -3), "textcoords": "offset points", "va": "top", "fontsize": 8, "color": "#666666"}
        panel.annotate("logarithmic scale", (0, 0), xycoords="axes fraction", **note)
    else:
        panel.set_xlim(0, most * ROOM_FOR_NUMBERS)
    panel.set_ylim(len(numbers) - 0.5, -0.5)  # the first at the top
    panel.set_title(f"{split}: {sum(numbers):,} boxes", loc="left", fontsize=11, color=colour, fontweight="bold")
    panel.xaxis.set_visible(False)  # the numbers are at the bars
    panel.tick_params(axis="y", length=0)
    panel.spines[["top", "right", "bottom"]].set_visible(False)


def _name_bars(panel: Axes, names: Sequence[str]) -> None:
    shown = [name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}\u2026" for name in names]
    panel.set_yticks(range(len(names)), shown, fontsize=9, parse_math=False)  # a $ in a name means itself
