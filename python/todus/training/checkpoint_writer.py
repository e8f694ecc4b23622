"""Writes the checkpoints of a training so that what lies on the disk under a checkpoint's name is always whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from google.protobuf import text_format

from todus import checkpoint, files
from todus.bridge.graph_mode import tf
from todus.errors import TodusError, WorldError
from todus.training.divergence import DivergedError
from todus.training.monitoring.train_log import TrainLog

STATE = "checkpoint"  # the file in which TensorFlow's own tools look for the newest

# That a machine of a cluster has gone, upon which the session makes itself again and the step is repeated.
RECOVERABLE = (tf.errors.AbortedError, tf.errors.UnavailableError)


class CheckpointWriter:
    """Writes all variables of the default graph, which must be built, to `folder`/model.ckpt-STEP.

    saver: what saves them; for the Scaffold, which would make another one otherwise.
    """

    def __init__(self, folder: Path, kept: int):
        self.folder, self.kept = folder, kept
        self.saver = tf.train.Saver(max_to_keep=0, save_relative_paths=True)
        floats = [variable for variable in tf.global_variables() if variable.dtype.base_dtype.is_floating]
        self._step_name = tf.train.get_global_step().op.name
        self._names = np.array([variable.op.name for variable in floats])
        self._are_finite = tf.stack([tf.reduce_all(tf.is_finite(variable)) for variable in floats])

    def tidy(self) -> None:
        """Remove what a killed run has left half done. For who holds the folder's lock."""
        checkpoint.sweep(self.folder)
        self._write_state()

    def save(self, session: tf.Session, step: int, is_well: bool = True) -> Path:
        """Write a checkpoint, read it back, and only then remove older ones; returns its prefix.

        It is named after the global step that was written: other processes may have raised it since.

        Args:
          step: the last that is known, for what is said if nothing can be written.
          is_well: whether training goes well; none are removed otherwise.

        Raises:
          DivergedError: a variable is NaN or infinite; nothing is written.
          WorldError: it could not be written, because the disk is full for instance; the older ones are still there.
        """
        self._require_finite(session)
        prefix = checkpoint.at_step(self.folder, step)
        try:
            with checkpoint.unfinished(prefix, self._named_by_its_step) as target:
                self.saver.save(session, str(target), write_meta_graph=False, write_state=False)
                checkpoint.check(target)
                prefix = self._named_by_its_step(target)
        except RECOVERABLE:
            raise
        except (OSError, TodusError, tf.errors.OpError) as error:
            raise self._not_written(prefix, error) from None
        if is_well:
            self._remove_old()
        self._write_state()
        return prefix

    def _named_by_its_step(self, written: Path) -> Path:
        step = tf.train.load_checkpoint(str(written)).get_tensor(self._step_name)
        return checkpoint.at_step(self.folder, int(step))

    def _require_finite(self, session: tf.Session) -> None:
        spoilt = self._names[~session.run(self._are_finite)]
        if spoilt.size:
            more = f" and {spoilt.size - 1} more" if spoilt.size > 1 else ""
            raise DivergedError(f"{spoilt[0]}{more} became NaN or infinite")

    def _not_written(self, prefix: Path, error: Exception) -> WorldError:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error).strip().splitlines()[0]
        newest = checkpoint.newest(self.folder)
        return WorldError(
            f"{prefix.name} could not be written to {self.folder} ({why}); make room there, or mend what is wrong, and "
            f"run again: {newest.name if newest else 'nothing'} is untouched, and training goes on from it"
        )

    def _remove_old(self) -> None:
        """All but the newest `kept`, and the start of training."""
        trained = [prefix for prefix in checkpoint.in_order(self.folder) if checkpoint.step_of(prefix) > 0]
        for prefix in trained[: -self.kept]:
            checkpoint.remove(prefix)

    def _write_state(self) -> None:
        there = [str(prefix.name) for prefix in checkpoint.in_order(self.folder)]
        if there:
            state = tf.train.generate_checkpoint_state_proto(str(self.folder), there[-1], there)
            try:
                files.write_text(self.folder / STATE, text_format.MessageToString(state))
            except OSError as error:  # no reason to end: Todus itself does without
                TrainLog(self.folder).say(f"{self.folder / STATE} could not be written ({error.strerror or error})")
