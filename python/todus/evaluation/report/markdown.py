"""report.md: the report as text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from todus import markdown
from todus.evaluation.report import figures
from todus.evaluation.report.sections import facts, groups, what_confusion_shows, what_worst_shows
from todus.layout import Model


def render(model: Model, report: dict[str, dict]) -> str:
    lines = [f"# Evaluation of {model.name}", "", "Average precision (AP) and recall (AR) in percent."]
    for group in groups(report):
        lines += ["", f"## {group.title}", "", *markdown.table(*figures.side_by_side(group.entries))]
        if len(group.entries) > 1:
            lines += ["", *markdown.table(*figures.categories_side_by_side(group.entries))]
        for name, entry in group.entries.items():
            lines += _section(model, name, entry)
    return "\n".join(lines) + "\n"


def _section(model: Model, name: str, entry: dict) -> Iterator[str]:
    yield from ("", f"### {name}", "")
    yield from (f"- {what}: {value}" for what, value in facts(entry).items())
    yield from ("", *markdown.table(*figures.by_category(entry)))
    yield from ("", *markdown.table(*figures.by_size(entry)))
    yield from ("", what_confusion_shows(entry), "", *markdown.table(*figures.confusion(entry)))
    if model.curves(name).is_file():
        yield from ("", f"![precision over recall]({_link(model, model.curves(name))})")
    if entry["worst"]:
        yield from ("", what_worst_shows(entry), "")
    for one in entry["worst"]:
        drawn = _link(model, model.worst_images(name) / one["picture"])
        yield f"- [{one['image']}]({drawn}): {one['missed']} missed, {one['false']} false"


def _link(model: Model, path: Path) -> str:
    return f"<{path.relative_to(model.evaluation)}>"  # in angle brackets, for names with spaces
