"""Make sure that all processes of a cluster train the same thing."""

from __future__ import annotations

from google.protobuf import text_format

from todus.bridge import pipeline as pipelines
from todus.bridge.graph_mode import tf
from todus.bridge.pipeline import Pipeline
from todus.coco.label_map import LabelMap
from todus.errors import UserError


def describe(pipeline: Pipeline, categories: LabelMap, sync: bool) -> str:
    """What has to be the same everywhere, a line each: the model, its training and the categories, but no paths."""
    same = pipelines.Pipeline(model=pipeline.model, train_config=pipeline.train_config)
    same.train_config.ClearField("fine_tune_checkpoint")
    lines = [
        f"SYNC: {int(sync)}",
        *(f"category {number}: {name}" for name, number in categories.ids.items()),
        *text_format.MessageToString(same).splitlines(),
    ]
    return "\n".join(lines)


def require(chief: str, here: str) -> None:
    """Raises UserError if the descriptions of the chief and of this process differ."""
    if chief != here:
        raise UserError(
            f"this worker does not train what the chief does ({difference(chief, here)}); give both hosts the same "
            "categories (make dataset-limited, make model), pipeline.config and variables of make train"
        )


def difference(there: str, here: str) -> str:
    """The first lines that differ, e.g. `there batch_size: 8, here batch_size: 4`."""
    ours, theirs = here.splitlines(), there.splitlines()
    only_there = next((line.strip() for line in theirs if line not in ours), "less")
    only_here = next((line.strip() for line in ours if line not in theirs), "less")
    return f"there {only_there}, here {only_here}"


class SharedDescription:
    """The description on the first parameter server; it is there once all variables are, and restored.

    Neither saved nor initialised with the others.
    """

    def __init__(self):
        with tf.device("/job:ps/task:0"):
            variable = tf.Variable("", trainable=False, collections=["todus_description"], name="todus_description")
            self._is_there = tf.is_variable_initialized(variable)
            self._is_there.mark_used()  # or TensorFlow complains where nobody comes to ask
            self._new = tf.placeholder(tf.string, [])
            self._set = variable.assign(self._new)
            self._variable = variable

    def get(self, session: tf.Session) -> str:
        """An empty text where there is none."""
        return session.run(self._variable).decode() if session.run(self._is_there) else ""

    def set(self, session: tf.Session, description: str) -> None:
        session.run(self._set.op, {self._new: description})

    def clear(self, session: tf.Session) -> None:
        self.set(session, "")
