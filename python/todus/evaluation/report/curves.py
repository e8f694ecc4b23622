"""Precision over recall of every category, as a PNG. Needs matplotlib when it is drawn."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from todus import files, picture
from todus.evaluation.scoring import RECALLS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIZE = (7.2, 4.6)  # inches
DOTS_PER_INCH = 110
NAMED = len(picture.COLOURS)  # as many categories get a colour and a name
LONGEST_NAME = 24  # characters that are shown of a category's name


def draw(curves: Mapping[str, np.ndarray], title: str, path: Path) -> None:
    """Write a PNG of `curves`, category -> precision at RECALLS (Scores.curves), and of their mean.

    Of more categories than there are colours all lines are grey, and only the mean is named. Equal input makes equal
    bytes.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # here, because it takes half a second
    from matplotlib.figure import Figure

    figure = Figure(SIZE, DOTS_PER_INCH, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    _draw_lines(axes, curves)
    axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="recall", ylabel="precision (IoU 0.5)")
    axes.set_title(title, loc="left", fontsize=11, parse_math=False)
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    with files.atomic_file(path) as unfinished:
        figure.savefig(unfinished, format="png", metadata={"Software": None})


def _draw_lines(axes: Axes, curves: Mapping[str, np.ndarray]) -> None:
    if not curves:
        axes.text(0.5, 0.5, "no boxes of any category", ha="center", color="#666666")
        return
    colours = picture.colours_of(curves)
    for name, precision in curves.items():
        if len(curves) <= NAMED:
            colour = tuple(value / 255 for value in colours[name])
            axes.plot(RECALLS, precision, color=colour, linewidth=1.6, label=_label(name, precision))
        else:
            axes.plot(RECALLS, precision, color="#999999", linewidth=0.6, alpha=0.6)
    if len(curves) > 1:
        mean = np.mean(list(curves.values()), axis=0)
        axes.plot(RECALLS, mean, color="#202024", linewidth=2.4, linestyle="--", label=_label("mean", mean))
    legend = axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, title="AP50")
    for text in legend.get_texts():
        text.set_parse_math(False)  # a $ in a name means itself


def _label(name: str, precision: np.ndarray) -> str:
    short = name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}\u2026"
    return f"{100 * precision.mean():5.1f}  {short}"
