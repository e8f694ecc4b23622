"""Where the graph and the session of a training live: `Here` is one process; a cluster is another placement."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from todus.bridge.graph_mode import tf
from todus.training.signals import Stop


class Placement(Protocol):
    """`is_chief`: whether this process initialises the variables, and writes checkpoints, events and the log.

    `batches_per_step`: of all processes together, each time that the global step rises by one.
    """

    is_chief: bool
    batches_per_step: int

    def devices(self) -> AbstractContextManager:
        """The context in which the training graph, its saver included, is built."""

    def session_creator(
        self, scaffold: tf.train.Scaffold, config: tf.ConfigProto, stop: Stop
    ) -> tf.train.SessionCreator:
        """What makes the session, and makes it again where TensorFlow can recover it; gives up when asked to `stop`."""

    def hooks(self) -> Sequence[tf.train.SessionRunHook]:
        """What else the session needs, such as the hook of an optimizer that synchronises replicas."""


class Here:
    """Everything in this process."""

    is_chief = True
    batches_per_step = 1

    def devices(self) -> AbstractContextManager:
        return nullcontext()

    def session_creator(
        self, scaffold: tf.train.Scaffold, config: tf.ConfigProto, stop: Stop
    ) -> tf.train.SessionCreator:
        return tf.train.ChiefSessionCreator(scaffold, config=config)

    def hooks(self) -> Sequence[tf.train.SessionRunHook]:
        return ()
