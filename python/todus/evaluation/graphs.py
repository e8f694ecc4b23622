"""What GRAPH names: which detector of a model is meant, what it is called in the report, and what it is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from todus import checkpoint, command, progress
from todus.bridge import pipeline as pipelines
from todus.coco import label_map, labels
from todus.coco.label_map import LabelMap
from todus.errors import UserError
from todus.evaluation import origin
from todus.evaluation.detectors import Detector
from todus.exporting import inference_graph
from todus.exporting.tflite_facts import Facts
from todus.layout import COCO_LABEL_MAP, LABELS, Model
from todus.training.quantization import start
from todus.zoo import archive, pretrained
from todus.zoo import pipeline as zoo_pipeline


@dataclass(frozen=True)
class Graph:
    """A detector that can be opened.

    name: what the report calls it.
    files: all that its detections depend on.
    open: opens the detector; raises UserError where a file turns out to be unusable.
    weights: the checkpoint that its weights are of, as far as that is known.
    runtime: the package that runs it.
    is_built: whether the Object Detection API builds it, as it does for a checkpoint.
    complete: adds what its files still lack, which may write them anew; to be called before anything else.
    """

    name: str
    files: tuple[Path, ...]
    open: Callable[[], Detector]
    weights: str = ""
    runtime: str = "tensorflow"
    is_built: bool = False
    complete: Callable[[], None] = lambda: None


def open_detector(model: Model, graph: str, checkpoint_name: str = "") -> tuple[str, Detector]:
    """What the report calls the detector that `graph` means, and the detector. See find()."""
    found = find(model, graph, checkpoint_name)
    found.complete()
    return found.name, found.open()


def find_all(model: Model, text: str, checkpoint_name: str = "") -> list[Graph]:
    """The graphs that GRAPH names, separated by spaces, each once. See find()."""
    words = [text] if Path(text).expanduser().exists() else text.split()
    found = [find(model, word, checkpoint_name) for word in words or [""]]
    return list({graph.name: graph for graph in found}.values())


def find(model: Model, graph: str, checkpoint_name: str = "") -> Graph:
    """The detector that the user calls `graph`.

    Args:
      graph: "" for a checkpoint of training/ (the newest unless `checkpoint_name` says which), a name in NAMED, a
        checkpoint (`300`, `model.ckpt-300` or a path), or the path of a file or folder of a kind in KINDS.

    Raises:
      UserError: it is not there.
    """
    if graph in NAMED:
        return NAMED[graph](model, checkpoint_name)
    path = Path(graph).expanduser().resolve()
    if path.suffix and path.suffix in KINDS and not path.is_dir():
        return KINDS[path.suffix](model, path)
    if graph.isdecimal() or path.name.startswith(checkpoint.PREFIX):
        return _checkpoint(model, graph)
    if path.is_dir():
        return KINDS[""](model, path)
    if not path.exists():
        raise UserError(f"there is no graph {graph}; GRAPH takes {', '.join(filter(None, NAMED))}, or a path")
    raise UserError(f"{path} is no file of a kind that can be evaluated; these are {_kinds()}")


def _kinds() -> str:
    return ", ".join(f"{suffix} files" if suffix else "folders with a saved_model.pb" for suffix in KINDS)


def _checkpoint(model: Model, name: str) -> Graph:
    plain = str(Path(name).expanduser()) if "/" in name else name
    prefix = checkpoint.chosen(model.training, plain, f"run {command.for_model('model', model)}")
    folder = prefix.parent.resolve()
    if folder == model.training.resolve():
        return _weights_of(model, model.training / prefix.name, prefix.name)
    if folder == model.best.resolve():
        return _weights_of(model, model.best / prefix.name, checkpoint.BEST)
    prefix = folder / prefix.name
    return _weights_of(model, prefix, origin.place(prefix, model))


def _best(model: Model, _: str) -> Graph:
    return _checkpoint(model, checkpoint.BEST)


def _weights_of(model: Model, prefix: Path, name: str) -> Graph:
    def open_it() -> Detector:
        from todus.evaluation import detectors

        return detectors.from_checkpoint(pipelines.load(model.pipeline), prefix, label_map.read(model.label_map))

    return Graph(
        name,
        (_index(prefix), model.pipeline, model.label_map),
        open_it,
        prefix.name,
        is_built=True,
        complete=lambda: start.require_ranges(model, pipelines.load(model.pipeline), prefix),
    )


def _pretrained(model: Model, _: str) -> Graph:
    prefix = archive.checkpoint(model)

    def open_it() -> Detector:
        from todus.evaluation import detectors

        zoo = pipelines.load(model.zoo_pipeline)
        known = pretrained.categories(model, zoo_pipeline.detector(zoo).num_classes)
        return detectors.from_checkpoint(zoo, prefix, pretrained.called_as(known, label_map.read(model.label_map)))

    depends_on = (_index(prefix), model.zoo_pipeline, model.label_map)
    return Graph("pretrained", depends_on, open_it, prefix.name, is_built=True)


def _exported(model: Model, _: str) -> Graph:
    _require_exported(model, model.frozen_graph)
    categories = inference_graph.exported_labels(model)

    def open_it() -> Detector:
        from todus.evaluation import detectors

        return detectors.from_frozen_graph(model.frozen_graph, lambda _: categories)

    return Graph("exported", (model.frozen_graph, model.labels), open_it, _exported_from(model))


def _exported_saved_model(model: Model, _: str) -> Graph:
    _require_exported(model, model.saved_model)
    return _saved_model(model, model.saved_model, "saved-model", _exported_from(model))


def _require_exported(model: Model, what: Path) -> None:
    if not what.exists():
        raise UserError(f"{progress.shown(what)} is not there; run: {command.for_model('export', model)}")
    inference_graph.exported_labels(model)  # raises where it is of other categories


def _exported_from(model: Model) -> str:
    return model.export_source.read_text(encoding="utf-8").strip() if model.export_source.is_file() else ""


def _frozen_graph_file(model: Model, path: Path) -> Graph:
    _require_file(path)
    cut = label_map.read(model.label_map)

    def open_it() -> Detector:
        from todus.evaluation import detectors

        return detectors.from_frozen_graph(path, lambda count: labels_of(path, count, cut))

    return Graph(origin.place(path, model), (path, _labels_beside(path) or model.label_map), open_it)


def _saved_model_folder(model: Model, path: Path) -> Graph:
    if not (path / "saved_model.pb").is_file():
        raise UserError(f"{path} is no SavedModel, which has a saved_model.pb; name another GRAPH")
    return _saved_model(model, path, origin.place(path, model))


def _saved_model(model: Model, folder: Path, name: str, weights: str = "") -> Graph:
    cut = label_map.read(model.label_map)

    def open_it() -> Detector:
        from todus.evaluation import detectors

        return detectors.from_saved_model(folder, lambda count: labels_of(folder, count, cut))

    inside = sorted(path for path in folder.rglob("*") if path.is_file())
    return Graph(name, (*inside, _labels_beside(folder) or model.label_map), open_it, weights)


def _converted_tflite(model: Model, _: str) -> Graph:
    if not model.tflite.is_file():
        remedy = command.for_model("convert-tflite", model)
        raise UserError(f"{progress.shown(model.tflite)} is not there; run: {remedy}")
    from todus.converting import tflite_file

    facts = tflite_file.facts_in(model.tflite)
    if facts and facts.checkpoint:  # that of the zoo's own graph has none
        _compare_with_model(model, model.tflite, facts, "convert-tflite")
    return _tflite_file(model, model.tflite, "tflite")


def _compare_with_model(model: Model, path: Path, facts: Facts, verb: str) -> None:
    """Tell where a file that `verb` made of a checkpoint of the model is not of the model as it is now.

    Raises:
      UserError: it is for other categories.
    """
    converted, now, remedy = facts.label_map, label_map.read(model.label_map), command.for_model(verb, model)
    if converted != now:
        raise UserError(
            f"{progress.shown(path)} was made for {', '.join(converted.ids)}, the model is now for "
            f"{', '.join(now.ids)}; run: {remedy}"
        )
    newest = checkpoint.newest(model.training).name
    if facts.checkpoint != newest:
        progress.say(f"note: {path.name} is of {facts.checkpoint}, the newest checkpoint is {newest}; see {remedy}")
    if facts.is_quantized != zoo_pipeline.is_quantized(pipelines.load(model.pipeline)):
        asked = "without" if facts.is_quantized else "with"
        progress.say(f"note: {path.name} is outdated, the model is now {asked} fake quantization; see {remedy}")


def _tflite_file(model: Model, path: Path, name: str = "") -> Graph:
    from todus.converting import tflite_file

    _require_file(path)
    facts = tflite_file.facts_in(path)
    beside = _labels_beside(path) if facts is None else None

    def open_it() -> Detector:
        from todus.evaluation import detectors

        return detectors.from_tflite(path, labels.read(beside) if beside else None)

    depends_on = (path, beside) if beside else (path,)
    weights = facts.checkpoint if facts else ""
    return Graph(name or origin.place(path, model), depends_on, open_it, weights, "ai-edge-litert")


def _converted_onnx(model: Model, _: str) -> Graph:
    if not model.onnx.is_file():
        raise UserError(f"{progress.shown(model.onnx)} is not there; run: {command.for_model('convert-onnx', model)}")
    from todus.converting import onnx_file

    _, facts, _ = onnx_file.load(model.onnx)
    if facts.checkpoint != "pretrained":
        _compare_with_model(model, model.onnx, facts, "convert-onnx")
    return _onnx_file(model, model.onnx, "onnx")


def _onnx_file(model: Model, path: Path, name: str = "") -> Graph:
    from todus.converting import onnx_file

    _require_file(path)
    _, facts, _ = onnx_file.load(path)

    def open_it() -> Detector:
        from todus.evaluation import detectors

        return detectors.from_onnx(path)

    return Graph(name or origin.place(path, model), (path,), open_it, facts.checkpoint, "onnxruntime")


# What GRAPH can name. A verb that leaves another form of the model puts a function of its own here: it is given the
# model and CHECKPOINT.
NAMED: dict[str, Callable[[Model, str], Graph]] = {
    "": _checkpoint,
    "training": _checkpoint,
    "checkpoint": _checkpoint,
    "best": _best,
    "pretrained": _pretrained,
    "exported": _exported,
    "inference-graph": _exported,
    "saved-model": _exported_saved_model,
    "tflite": _converted_tflite,
    "onnx": _converted_onnx,
}

# Files of anybody's, by how their names end; "" is a folder.
KINDS: dict[str, Callable[[Model, Path], Graph]] = {
    ".pb": _frozen_graph_file,
    "": _saved_model_folder,
    ".tflite": _tflite_file,
    ".onnx": _onnx_file,
}


def labels_of(path: Path, class_count: int | None, cut: LabelMap) -> LabelMap:
    """Those of a frozen graph or SavedModel: of the labels.txt beside it, else told by how many classes there are.

    Raises:
      UserError: there is none, and neither COCO nor the model's dataset has as many.
    """
    beside = _labels_beside(path)
    if beside:
        return labels.read(beside)
    coco = label_map.read(COCO_LABEL_MAP)
    for categories in (coco, cut):
        if class_count == max(categories.names):
            return categories
    has = "classes that cannot be counted" if class_count is None else f"{class_count} classes"
    raise UserError(f"{path} has {has} and no {LABELS} beside it; write one there, a category a line")


def _labels_beside(path: Path) -> Path | None:
    """The labels.txt beside a file, or in or beside a folder."""
    return next(filter(Path.is_file, (path / LABELS, path.with_name(LABELS))), None)


def _index(prefix: Path) -> Path:
    """The file of a checkpoint that has the checksum of every variable in it."""
    return prefix.with_name(f"{prefix.name}.index")


def _require_file(path: Path) -> None:
    if not path.is_file():
        raise UserError(f"{path} is not there; name another GRAPH")
