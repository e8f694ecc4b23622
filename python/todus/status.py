"""Tell what is there of a model: what it was prepared from and for, its checkpoints, and what can be run next.

    python -m todus.status --model-dir model/ssd_mobilenet_v2_coco_2018_03_29
    python -m todus.status                    one line for each model

Changes nothing, and starts no TensorFlow.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

from todus import checkpoint, command, progress
from todus.bridge import pipeline as pipelines
from todus.coco import label_map, manifest
from todus.errors import TodusError, UserError
from todus.evaluation import report
from todus.layout import Home, Model
from todus.zoo import pipeline as zoo_pipeline
from todus.zoo import prepared


def lines(model: Model) -> Iterator[tuple[str, str]]:
    """(what, how it stands) for each part of the model's folder."""
    yield "pretrained", _pretrained(model)
    if not _is_prepared(model):
        return
    pipeline = pipelines.load(model.pipeline)
    yield "categories", _listed(list(label_map.read(model.label_map).ids))
    yield "dataset", _dataset(model, pipeline)
    yield "pipeline", _pipeline(pipeline)
    yield "checkpoint", _checkpoints(model)
    yield "evaluated", _evaluations(model)
    yield "exported", _export(model)


def next_commands(model: Model) -> list[str]:
    if not _is_prepared(model):
        return [command.for_model("model", model)]
    try:
        prepared.require(model, "val")
    except TodusError as error:  # its message ends with the command that helps
        return [str(error).rpartition("; run: ")[2] or command.for_model("model", model)]
    newest = checkpoint.newest(model.training)
    done = _evaluated(model)
    steps = [] if newest.name in done else [command.for_model("eval", model)]
    steps.append(command.for_model("train", model))
    return steps if _export(model).startswith("from " + newest.name) else [*steps, command.for_model("export", model)]


def _is_prepared(model: Model) -> bool:
    return model.pipeline.is_file() and checkpoint.newest(model.training) is not None


def _pretrained(model: Model) -> str:
    if not model.zoo_pipeline.is_file():
        return "not fetched"
    zoo = pipelines.load(model.zoo_pipeline)
    kind, classes = pipelines.meta_architecture(zoo), zoo_pipeline.detector(zoo).num_classes
    state = "" if _is_prepared(model) else "; not prepared for a dataset yet"
    return f"{kind} ({zoo_pipeline.detector(zoo).feature_extractor.type}), {classes} classes{state}"


def _dataset(model: Model, pipeline: pipelines.Pipeline) -> str:
    dataset = prepared.dataset_of(pipeline)
    made = manifest.read(dataset)
    where = progress.shown(dataset.folder)
    if made is None:
        return f"{where} is not there"
    counts = ", ".join(f"{entry['images']:,} {split} images" for split, entry in made["splits"].items())
    if label_map.read(dataset.label_map) != label_map.read(model.label_map):
        return f"{where} now holds {_listed(list(label_map.read(dataset.label_map).ids))}: not what the model is for"
    return f"{where} ({counts})"


def _pipeline(pipeline: pipelines.Pipeline) -> str:
    train = pipeline.train_config
    text = f"batch size {train.batch_size}, {train.num_steps:,} steps"
    if pipeline.HasField("graph_rewriter"):
        text += f", fake quantization from step {pipeline.graph_rewriter.quantization.delay}"
    return text


def _checkpoints(model: Model) -> str:
    newest = checkpoint.newest(model.training)
    step = checkpoint.step_of(newest)
    trained = f"{step:,} steps of training" if step else "as cut, not trained"
    size = progress.human_size(checkpoint.size_on_disk(newest))
    return f"{progress.shown(newest)} ({trained}, {size})"


def _evaluations(model: Model) -> str:
    done = _evaluated(model)
    return "; ".join(f"{graph} AP {report.percent(ap)}" for graph, ap in done.items()) if done else "not yet"


def _evaluated(model: Model) -> dict[str, float | None]:
    """graph -> its AP, of what has been evaluated on the present dataset."""
    if not model.report.is_file():
        return {}
    entries = json.loads(model.report.read_text(encoding="utf-8"))
    return {graph: entry["summary"]["AP"] for graph, entry in entries.items()}


def _export(model: Model) -> str:
    if not model.export_source.is_file():
        return "not yet"
    source = model.export_source.read_text(encoding="utf-8").strip()
    newest = checkpoint.newest(model.training).name
    age = "" if source == newest else f"; the newest checkpoint is {newest}"
    return f"from {source} (threshold as in the pipeline){age}"


def _listed(names: list[str]) -> str:
    return ", ".join(names) if len(names) <= 12 else f"{len(names)} ({', '.join(names[:3])}, ...)"


def show(model: Model) -> None:
    progress.say(f"{model.name} ({progress.shown(model.folder)})")
    for what, state in lines(model):
        progress.say(f"  {what:11}{state}")
    for step in next_commands(model):
        progress.next_step(step)


def show_all(home: Home) -> None:
    """One line a model."""
    folders = sorted(folder for folder in _folders(home.models) if Model(folder).pretrained.is_dir())
    if not folders:
        progress.say("no model is there yet")
        progress.next_step(f"make models{command.elsewhere(home)}")
    for folder in folders:
        model = Model(folder)
        state = dict(lines(model))
        progress.say(f"{model.name}: {state.get('checkpoint', state['pretrained'])}")
    if folders:
        progress.next_step(f"{command.for_model('status', Model(folders[0]))}")


def _folders(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []


def main() -> None:
    arguments = parse_arguments()
    if arguments.model_dir is None:
        show_all(Home(arguments.home))
    elif not Model(arguments.model_dir).pretrained.is_dir():
        name = arguments.model_dir.name
        raise UserError(f"there is no model in {progress.shown(arguments.model_dir)}; run: make model MODEL={name}")
    else:
        show(Model(arguments.model_dir))


def parse_arguments() -> argparse.Namespace:
    parser = command.parser(__doc__)
    parser.add_argument(
        "--model-dir",
        type=lambda text: Path(text).expanduser().resolve(),
        metavar="DIR",
        help="folder of a model (default: all models)",
    )
    return parser.parse_args()


if __name__ == "__main__":
    command.run(main)
