"""What TensorBoard shows of a training: scalars and pictures by step."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from todus.bridge.graph_mode import tf


class EventWriter:
    """Writes TensorBoard's events to `folder`.

    All writers of a process to one folder share one file: TensorBoard reads only the last file of a folder that is
    still being written.
    """

    def __init__(self, folder: Path):
        folder.mkdir(parents=True, exist_ok=True)
        with tf.Graph().as_default():  # or it would write the default graph, of some megabytes
            self._writer = tf.summary.FileWriterCache.get(str(folder))

    def start(self, step: int) -> None:
        """Say that a run goes on from `step`: what a killed run wrote of later steps is shown no more."""
        self._writer.add_session_log(tf.SessionLog(status=tf.SessionLog.START), step)

    def scalar(self, step: int, name: str, value: float) -> None:
        self.scalars(step, {name: value})

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        self._add(step, [tf.Summary.Value(tag=name, simple_value=value) for name, value in values.items()])

    def image(self, step: int, name: str, picture: np.ndarray) -> None:
        """`picture`: uint8 [height, width, 3], RGB."""
        png = io.BytesIO()
        Image.fromarray(picture).save(png, "PNG")
        height, width = picture.shape[:2]
        image = tf.Summary.Image(height=height, width=width, colorspace=3, encoded_image_string=png.getvalue())
        self._add(step, [tf.Summary.Value(tag=name, image=image)])

    def flush(self) -> None:
        self._writer.flush()

    def _add(self, step: int, values: list) -> None:
        self._writer.add_summary(tf.Summary(value=values), step)
