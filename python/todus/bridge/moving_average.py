"""tf.contrib.opt.MovingAverageOptimizer, which went with tf.contrib and which the API asks for by default.

A pipeline's `use_moving_average` is true unless it says otherwise; the API then wraps its optimizer in this one.
Can go when the API's TensorFlow 1 path no longer imports tf.contrib.opt.
"""

from __future__ import annotations

from collections.abc import Iterable

import tensorflow.compat.v1 as tf


class MovingAverageOptimizer(tf.train.Optimizer):
    """An optimizer that, after each step of `optimizer`, updates exponential moving averages of what it changed.

    The averages are named `VARIABLE/ExponentialMovingAverage`, as TensorFlow 1 named them.
    """

    def __init__(self, optimizer: tf.train.Optimizer, average_decay: float = 0.9999, num_updates: object = None):
        super().__init__(use_locking=False, name="MovingAverageOptimizer")
        self._optimizer = optimizer
        self._average = tf.train.ExponentialMovingAverage(average_decay, num_updates=num_updates)

    def compute_gradients(self, *args: object, **kwargs: object) -> list[tuple]:
        return self._optimizer.compute_gradients(*args, **kwargs)

    def apply_gradients(self, grads_and_vars: Iterable[tuple], global_step: object = None, name: str | None = None):
        grads_and_vars = list(grads_and_vars)  # tf.train.SyncReplicasOptimizer gives what can be gone through once
        step = self._optimizer.apply_gradients(grads_and_vars, global_step=global_step, name=name)
        with tf.control_dependencies([step]):
            return self._average.apply([variable for gradient, variable in grads_and_vars if gradient is not None])

    def get_slot(self, *args: object, **kwargs: object):
        return self._optimizer.get_slot(*args, **kwargs)

    def get_slot_names(self) -> list[str]:
        return self._optimizer.get_slot_names()

    def variables(self) -> list:
        return self._optimizer.variables()
