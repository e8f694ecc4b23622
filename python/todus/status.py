"""Tell what is there of a model: what it was prepared from and for, its checkpoints, and what can be run next.

    python -m todus.status --model-dir model/ssd_mobilenet_v2_coco_2018_03_29
    python -m todus.status                    one line for each model

Changes nothing, and starts no TensorFlow.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from todus import checkpoint, command, progress, up_to_date
from todus.bridge import pipeline as pipelines
from todus.coco import label_map, manifest
from todus.errors import TodusError
from todus.layout import Home, Model
from todus.markdown import percent
from todus.training.process import run_status, running
from todus.training.validating import best
from todus.zoo import archive, prepared
from todus.zoo import pipeline as zoo_pipeline


def lines(model: Model) -> Iterator[tuple[str, str]]:
    """(what, how it stands) for each part of the model's folder."""
    yield "pretrained", _pretrained(model)
    if not prepared.is_prepared(model):
        return
    pipeline = pipelines.load(model.pipeline)
    yield "categories", _listed(list(label_map.read(model.label_map).ids))
    yield "dataset", _dataset(model, pipeline)
    yield "pipeline", _pipeline(pipeline)
    yield "checkpoint", _checkpoints(model)
    kept, run = best.read(model), running.current(model)
    if kept is not None:
        yield "best", f"{kept.prefix.name}, AP {percent(kept.ap)} on {kept.images:,} images while training"
    if run is not None:
        yield "training", run_status.running_since(run)
    yield "evaluated", _evaluations(model)
    yield "exported", _export(model)
    yield "tflite", _tflite(model)
    yield "onnx", _onnx(model)


def next_commands(model: Model) -> list[str]:
    """What can be run; where something is in a command's way, the command that helps in its place. Each once."""
    commands = []
    for command_or_remedy in (_next_eval, _next_train, _next_export):
        try:
            commands.append(command_or_remedy(model))
        except prepared.NotReadyError as error:
            commands.append(error.remedy)
    return list(dict.fromkeys(filter(None, commands)))


def _next_eval(model: Model) -> str:
    prepared.require(model, "val")
    return (
        ""
        if checkpoint.newest(model.training).name in up_to_date.evaluated(model)
        else command.for_model("eval", model)
    )


def _next_train(model: Model) -> str:
    prepared.require_trainable(model)
    return command.for_model("train-status" if running.current(model) else "train", model)


def _next_export(model: Model) -> str:
    prepared.require(model, "val")  # of a model that is not for its dataset any more, nobody wants a graph
    prepared.require_exportable(model)
    if up_to_date.is_exported(model):
        return ""
    return command.for_model("export", model) + (" CHECKPOINT=best" if best.is_ahead(model) else "")


def _pretrained(model: Model) -> str:
    archive.require_no_other_files(model)
    there = model.zoo_pipeline if model.zoo_pipeline.is_file() else model.pipeline
    if not there.is_file():
        return "not fetched"
    zoo = pipelines.load(there)
    kind, classes = pipelines.meta_architecture(zoo), zoo_pipeline.detector(zoo).num_classes
    state = "" if prepared.is_prepared(model) else "; not prepared for a dataset yet"
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
    done = up_to_date.evaluated(model)
    return "; ".join(f"{graph} AP {percent(ap)}" for graph, ap in done.items()) if done else "not yet"


def _export(model: Model) -> str:
    if not model.export_source.is_file():
        return "not yet"
    source = model.export_source.read_text(encoding="utf-8").strip()
    newest = checkpoint.newest(model.training).name
    if not up_to_date.has_categories_of_now(model):
        age = ", for other categories than the model's"
    elif source != newest and not up_to_date.is_exported(model):
        age = f"; the newest checkpoint is {newest}"
    else:
        age = "" if up_to_date.is_exported(model) else ", and older than what it was made from"
    return f"from {source} (threshold as in the pipeline){age}"


def _tflite(model: Model) -> str:
    """The .tflite files, and whether they are of the export of now, and that of the newest checkpoint."""
    from todus.converting import tflite_file
    from todus.exporting import tflite_graph

    there = sorted(path for path in model.folder.glob(f"{model.name}*.tflite"))
    facts = [tflite_file.facts_or_none(path) for path in there]
    if not there:
        return "not converted"
    exported, now = tflite_graph.facts_or_none(model), label_map.read(model.label_map)
    is_export_current = tflite_graph.is_current(model, checkpoint.newest(model.training)) and exported.label_map == now
    is_current = is_export_current and all(known == exported for known in facts)
    return ", ".join(path.name for path in there) + ("" if is_current else "; not all of the model as it is now")


def _onnx(model: Model) -> str:
    """The ONNX file, and what it is of."""
    if not model.onnx.is_file():
        return "not converted"
    from todus.converting import onnx_file

    try:
        _, facts, form = onnx_file.load(model.onnx)
    except TodusError as error:
        return str(error)
    newest, now = checkpoint.newest(model.training).name, label_map.read(model.label_map)
    if facts.checkpoint == newest and facts.label_map != now:
        age = ", for other categories than the model's"
    else:
        age = "" if facts.checkpoint == newest else f"; the newest checkpoint is {newest}"
    return f"{model.onnx.name}, from {facts.checkpoint} (NMS={form.nms}, INPUT={form.input}){age}"


def _listed(names: list[str]) -> str:
    return ", ".join(names) if len(names) <= 12 else f"{len(names)} ({', '.join(names[:3])}, ...)"


def show(model: Model) -> None:
    progress.say(f"{model.name} ({progress.shown(model.folder)})")
    for what, state in lines(model):
        progress.say(f"  {what:11}{state}")
    for step in next_commands(model):
        progress.next_step(step)


def show_all(home: Home) -> None:
    """One line a model, of whatever state."""
    folders = sorted(folder for folder in _folders(home.models) if Model(folder).pretrained.is_dir())
    if not folders:
        progress.say("no model is there yet")
        progress.next_step(f"make models{command.elsewhere(home)}")
    for folder in folders:
        progress.say(f"{folder.name}: {_in_one_line(Model(folder))}")
    if folders:
        progress.next_step(f"{command.for_model('status', Model(folders[0]))}")


def _in_one_line(model: Model) -> str:
    try:
        state = dict(lines(model))
    except TodusError as error:
        return str(error)
    return state.get("checkpoint", state["pretrained"])


def _folders(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []


def main() -> None:
    arguments = parse_arguments()
    if arguments.model_dir is None:
        show_all(Home(arguments.home))
    elif not Model(arguments.model_dir).pretrained.is_dir():
        model = Model(arguments.model_dir)
        raise prepared.NotReadyError(
            f"there is no model in {progress.shown(model.folder)}", command.for_model("model", model)
        )
    else:
        show(Model(arguments.model_dir))


def parse_arguments() -> argparse.Namespace:
    parser = command.parser(__doc__)
    parser.add_argument(
        "--model-dir",
        type=lambda text: command.expanded(text).resolve(),
        metavar="DIR",
        help="folder of a model (default: all models)",
    )
    return parser.parse_args()


if __name__ == "__main__":
    command.run(main)
