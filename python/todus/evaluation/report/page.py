"""report.html: the report as one page that needs nothing else, neither other files nor a network nor scripts."""

from __future__ import annotations

import base64
from pathlib import Path

import jinja2

from todus.evaluation.confusion import NOTHING
from todus.evaluation.report import figures, sections
from todus.layout import Model

TEMPLATE = "page.html.jinja"
PICTURED = 4  # evaluations, the latest ones, whose worst images are in the page: they are some 1.5 MB each
_STRONGEST = 0.55  # how opaque the colour behind a cell gets, so that its number can be read in light and dark
_RIGHT, _WRONG = "86, 180, 233", "230, 159, 0"  # sky blue and orange, told apart with any kind of colour blindness


def render(model: Model, report: dict[str, dict]) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    latest = list(report)[-PICTURED:]  # the report keeps them in the order of time
    return environment.get_template(TEMPLATE).render(
        model=model.name,
        groups=sections.groups(report),
        figures=figures,
        sections=sections,
        latest=latest,
        shade=shade,
        curves=lambda name: data_uri(model.curves(name)),
        folder=lambda name: model.worst_images(name).name,
        picture=lambda name, file: data_uri(model.worst_images(name) / file),
    )


def data_uri(path: Path) -> str:
    """The image as a URI that holds it; empty where there is none any more."""
    try:
        content = base64.b64encode(path.read_bytes()).decode()
    except FileNotFoundError:
        return ""
    return f"data:image/{'png' if path.suffix == '.png' else 'jpeg'};base64,{content}"


def shade(counts: dict[str, int], row: str, column: str) -> str:
    """The style of a cell in the matrix of confusions: the deeper, the larger its share of the row.

    Args:
      counts: of the row, by column.
    """
    share = counts.get(column, 0) / max(1, sum(counts.values()))
    colour = _RIGHT if row == column and row != NOTHING else _WRONG
    return f"background: rgba({colour}, {_STRONGEST * share:.2f})" if share else ""
