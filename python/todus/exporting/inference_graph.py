"""Export a detector as frozen graph, SavedModel and checkpoint, with its pipeline and labels.

    python -m todus.exporting.inference_graph --model-dir model/NAME [--checkpoint model.ckpt-500]

Leaves model/NAME/inference-graph/. The graph takes `image_tensor`, uint8 [batch, height, width, 3] RGB, and gives
detection_boxes, detection_scores, detection_classes and num_detections. labels.txt holds one category a line; line i
(from 1) is the name of class i.
"""

from __future__ import annotations

import argparse
import shutil
import time
from pathlib import Path

from todus import checkpoint, command, files, progress
from todus.coco import label_map, labels
from todus.coco.label_map import LabelMap
from todus.errors import UserError
from todus.layout import Model
from todus.training.quantization import start
from todus.zoo import prepared


def export(model: Model, checkpoint_name: str) -> None:
    """Raises UserError if the model is not prepared or has no such checkpoint."""
    pipeline = prepared.require_exportable(model)
    prefix = checkpoint.chosen(model.training, checkpoint_name, f"run {command.for_model('model', model)}")
    if is_current(model, prefix):
        progress.already_there(model.inference_graph, f"exported from {prefix.name}")
        return
    progress.say(f"exporting {model.name} from {prefix.name}")
    started = time.monotonic()

    from todus.bridge import exporter  # TensorFlow: only once it is certain that there is something to export

    start.require_ranges(model, pipeline, prefix)
    with files.atomic_folder(model.inference_graph) as folder:
        exporter.export_inference_graph(pipeline, prefix, folder)
        files.write_text(folder / model.labels.name, labels.to_text(label_map.read(model.label_map)))
        _keep_tflite_graph(model, folder)
        files.write_text(folder / model.export_source.name, f"{prefix.name}\n")
    progress.made(model.inference_graph, started)


def _keep_tflite_graph(model: Model, folder: Path) -> None:
    """Carry over what make export-tflite has put into the folder that is replaced; its age tells whether it counts."""
    for path in (model.tflite_graph, model.tflite_facts):
        if path.is_file():
            shutil.copy2(path, folder / path.name)


def exported_labels(model: Model) -> LabelMap:
    """The categories that inference-graph/ was exported for, which must be those of the model by now."""
    if not model.labels.is_file():
        what = f"{progress.shown(model.labels)}, which tells what was exported, is not there"
        raise UserError(f"{what}; run: {command.for_model('export', model)}")
    exported, now = labels.read(model.labels), label_map.read(model.label_map)
    if exported != now:
        raise UserError(
            f"{progress.shown(model.inference_graph)} was exported for {', '.join(exported.ids)}, the model is now for "
            f"{', '.join(now.ids)}; run: {command.for_model('export', model)}"
        )
    return exported


def is_current(model: Model, prefix: Path) -> bool:
    """Whether inference-graph/ is there, of the checkpoint `prefix`, and younger than all that it was made from."""
    source_file = model.export_source
    if not source_file.is_file() or source_file.read_text(encoding="utf-8").strip() != prefix.name:
        return False
    exported_at = source_file.stat().st_mtime
    return all(path.stat().st_mtime <= exported_at for path in (checkpoint.index(prefix), model.pipeline))


def main() -> None:
    arguments = parse_arguments()
    model = Model(arguments.model_dir)
    export(model, arguments.checkpoint)
    progress.next_step(f"{command.for_model('eval', model)} GRAPH=exported")


def parse_arguments() -> argparse.Namespace:
    parser = command.parser(__doc__)
    command.add_model_dir(parser)
    command.add_checkpoint(parser)
    return parser.parse_args()


if __name__ == "__main__":
    command.run(main)
