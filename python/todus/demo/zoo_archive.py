"""Make a model archive exactly as the TensorFlow 1 zoo lays them out, from a pipeline and a checkpoint of one's own.

NAME/pipeline.config  NAME/checkpoint  NAME/model.ckpt.{index,data-00000-of-00001}
NAME/frozen_inference_graph.pb  NAME/saved_model/
"""

from __future__ import annotations

import tarfile
import tempfile
from pathlib import Path

import numpy as np

from todus import checkpoint, files
from todus.bridge import pipeline as pipelines
from todus.bridge.pipeline import Pipeline


def random_checkpoint(pipeline: Pipeline, prefix: Path, seed: int) -> None:
    """Write the detector's variables as its initializers make them: the start of a training from scratch."""
    from todus.bridge import detection_model

    variables = detection_model.initial_variables(pipeline, seed)
    checkpoint.write(prefix, {**variables, "global_step": np.zeros([], np.int64)})


def pack(name: str, pipeline: Pipeline, prefix: Path, archive: Path) -> None:
    """Export the checkpoint and pack all into `archive`, a .tar.gz with the one folder `name`."""
    from todus.bridge import exporter

    with tempfile.TemporaryDirectory() as scratch, files.atomic_file(archive) as unfinished:
        folder = Path(scratch) / name
        exporter.export_inference_graph(pipeline, prefix, folder)
        files.write_text(folder / "pipeline.config", pipelines.as_shipped(pipeline))
        with tarfile.open(unfinished, "w:gz") as tar:
            tar.add(folder, arcname=name)
