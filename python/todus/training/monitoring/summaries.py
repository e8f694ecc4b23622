"""What TensorBoard shows of a training: scalars and pictures by step."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from todus.bridge.graph_mode import tf
from todus.training.monitoring.train_log import TrainLog

# Of TensorFlow's own writer, on a full disk for instance; the class depends on the system's code.
_FAILURES = (OSError, RuntimeError, IndexError, MemoryError, tf.errors.OpError)
_given_up: set[str] = set()  # folders whose shared writer has failed, for as long as this process lives


class EventWriter:
    """Writes TensorBoard's events to `folder`.

    All writers of a process to one folder share one file: TensorBoard reads only the last file of a folder that is
    still being written.

    Curves are not worth a training: where events cannot be written, that is said once, and no more are.
    """

    def __init__(self, folder: Path):
        self._folder = folder
        self._writer: tf.summary.FileWriter | None = None
        self._unless_it_fails(self._open)

    def _open(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        with tf.Graph().as_default():  # or it would write the default graph, of some megabytes
            self._writer = tf.summary.FileWriterCache.get(str(self._folder))

    def start(self, step: int) -> None:
        """Say that a run goes on from `step`: what a killed run wrote of later steps is shown no more."""
        log = tf.SessionLog(status=tf.SessionLog.START)
        self._unless_it_fails(lambda: self._writer.add_session_log(log, step))

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
        self._unless_it_fails(lambda: self._writer.flush())

    def _add(self, step: int, values: list) -> None:
        self._unless_it_fails(lambda: self._writer.add_summary(tf.Summary(value=values), step))

    def _unless_it_fails(self, write: Callable[[], None]) -> None:
        if str(self._folder) in _given_up:
            return
        try:
            write()
        except _FAILURES as error:
            _given_up.add(str(self._folder))
            why = (str(error).strip() or type(error).__name__).splitlines()[0]
            TrainLog(self._folder).say(f"TensorBoard's curves end here: {why}; training goes on without them")
