"""List the COCO models of the zoo: input, published mAP and time, what each is meant for, and what is here already.

    python -m todus.zoo.models
    python -m todus.zoo.models --json

--json prints one object with one list, `models`, of the zoo's and of those here that are not the zoo's. Each has

    name        of its archive, and what MODEL= takes
    family      one of ssd, ssdlite, ssd_ppn, ssd_fpn, faster_rcnn, rfcn, mask_rcnn
    input       pixels: "300x300" (width x height), or "600-1024" (shorter side, and longer at most)
    coco_map    published COCO mAP in percent, of the boxes; of the masks for mask_rcnn
    ms, device  published milliseconds for one image, and on what
    quantized   true if it was trained with fake quantization
    meant_for   a list of cut, train, tflite, onnx, uff: what its architecture allows
    fetched     true if its archive is in model/archives/
    prepared    true if make model has been run

What the zoo does not publish, and everything that it would say of a model that is not the zoo's, is null.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from itertools import groupby

from todus import command, progress
from todus.layout import Home
from todus.zoo import catalogue, prepared

TITAN_X = "Titan X"
GOOD_START = "ssd_mobilenet_v2_coco_2018_03_29"  # fast, fair, and fit for everything

FAMILIES = {
    "ssd": "SSD",
    "ssdlite": "SSD with depthwise predictors",
    "ssd_ppn": "SSD with one predictor for all feature maps, pooled",
    "ssd_fpn": "SSD with one predictor for all feature maps, a feature pyramid",
    "faster_rcnn": "Faster R-CNN",
    "rfcn": "R-FCN",
    "mask_rcnn": "Mask R-CNN (mAP of the masks)",
    None: "here, but not of the zoo",
}
USES = {"cut": "cut", "train": "train", "tflite": "lite", "onnx": "onnx", "uff": "uff"}  # and their headings
FOOTNOTES = "¹²³⁴⁵⁶⁷⁸⁹"
NAME_AND_INPUT = 85  # columns; together, since no model has both a long name and a long input


@dataclass(frozen=True)
class ListedModel:
    """A line of the list; the module's text says what the fields mean."""

    name: str
    family: str | None
    input: str | None
    coco_map: float | None
    ms: float | None
    device: str | None
    quantized: bool | None
    meant_for: list[str] | None
    fetched: bool
    prepared: bool


def listed(home: Home) -> list[ListedModel]:
    """The zoo's models in the order of config/zoo.toml, then what else is in `home`, by name."""
    zoo = catalogue.load()
    others = sorted({*_archives(home), *_prepared(home)} - zoo.keys())
    facts_of = {**zoo, **dict.fromkeys(others)}
    return [_listed(name, facts, home) for name, facts in facts_of.items()]


def _listed(name: str, facts: dict | None, home: Home) -> ListedModel:
    known = facts or {}
    return ListedModel(
        name,
        known.get("family"),
        known.get("input"),
        known.get("coco_map"),
        known.get("ms"),
        known.get("device", TITAN_X) if facts else None,
        known.get("quantized", False) if facts else None,
        known.get("meant_for"),
        fetched=(home.model_archives / f"{name}.tar.gz").is_file(),
        prepared=prepared.is_prepared(home.model(name)),
    )


def _archives(home: Home) -> list[str]:
    return [path.name.removesuffix(".tar.gz") for path in home.model_archives.glob("*.tar.gz")]


def _prepared(home: Home) -> list[str]:
    return [path.name for path in home.models.glob("*") if prepared.is_prepared(home.model(path.name))]


def table(models: list[ListedModel]) -> list[str]:
    """The lines of the list for people, none longer than 120 columns."""
    footnotes = _footnotes(models)
    heading = _row("  model", "input", "mAP", "ms ", USES.values())
    lines = [heading, "-" * len(heading)]
    for family, members in groupby(models, key=lambda model: model.family):
        lines.append(FAMILIES.get(family, family))
        lines.extend(_model_row(model, footnotes) for model in members)
    return lines


def _footnotes(models: list[ListedModel]) -> dict[str, str]:
    """The mark of each device but the usual one."""
    devices = dict.fromkeys(model.device for model in models if model.device not in (TITAN_X, None))
    return dict(zip(devices, FOOTNOTES, strict=False))


def _model_row(model: ListedModel, footnotes: dict[str, str]) -> str:
    mark = "*" if model.prepared else "+" if model.fetched else " "
    uses = ("x" if use in (model.meant_for or ()) else "-" for use in USES)
    time = _shown(model.ms) + footnotes.get(model.device, " ")
    return _row(f"{mark} {model.name}", _shown(model.input), _shown(model.coco_map), time, uses)


def _shown(value: object) -> str:
    return "-" if value is None else str(value)


def _row(name: str, size: str, coco_map: str, time: str, uses: Iterable[str]) -> str:
    cells = "".join(f" {use:>{len(heading)}}" for use, heading in zip(uses, USES.values(), strict=True))
    return f"{name} {size:>{NAME_AND_INPUT - len(name) - 1}} {coco_map:>4} {time:>5}{cells}"


def notes(models: list[ListedModel]) -> list[str]:
    """What the table leaves unsaid, a line each."""
    devices = ", ".join(f"{mark} on a {device}" for device, mark in _footnotes(models).items())
    return [
        "* is prepared here, + is fetched. mAP and ms are as the zoo publishes them (- where it does not). The times,",
        f"of one image on a {TITAN_X} ({devices}), promise nothing for others.",
        "x is what a model is meant for, by its architecture: make model cuts it to your categories, make train trains",
        "it, make convert-tflite writes it for TensorFlow Lite (lite), make convert-onnx for TensorRT 8 and later and",
        "others (onnx), make convert-uff for TensorRT 5 to 8.",
    ]


def next_command(models: list[ListedModel], home: Home) -> str:
    """Goes on with what is furthest here, else with a model that is good to begin with."""
    for verb, are_there in (("eval", "prepared"), ("model", "fetched")):
        for model in models:
            if getattr(model, are_there):
                return command.for_model(verb, home.model(model.name))
    return command.for_model("model", home.model(GOOD_START))


def main() -> None:
    parser = command.parser(__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    options = parser.parse_args()
    home = Home(options.home)
    models = listed(home)
    if options.json:
        progress.say(json.dumps({"models": [asdict(model) for model in models]}, indent=1, ensure_ascii=False))
        return
    progress.say("\n".join([*table(models), "", *notes(models)]))
    progress.next_step(next_command(models, home))


if __name__ == "__main__":
    command.run(main)
