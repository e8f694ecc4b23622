"""Have the API build an optimizer whose steps wait for the gradients of all replicas.

The API makes its optimizer inside of its model function; `synchronous` wraps whatever it makes meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from todus.bridge.graph_mode import tf

from object_detection.builders import optimizer_builder


class SynchronousOptimizer(tf.train.SyncReplicasOptimizer):
    """TensorFlow's SyncReplicasOptimizer with the update as a part of the chief's own step.

    Each replica hands in its gradients and waits for a token; the update takes the mean of `replicas` gradients, adds 1
    to the global step and gives out as many tokens. TensorFlow has a thread of the chief's do that, which closes the
    queue of the tokens for good whenever the chief's session ends, and so cannot be recovered.
    """

    def __init__(self, optimizer: tf.train.Optimizer, replicas: int, is_chief: bool):
        super().__init__(optimizer, replicas, replicas)
        self._is_chief = is_chief

    def apply_gradients(self, grads_and_vars: list[tuple], global_step: tf.Variable, name: str | None = None):
        step = super().apply_gradients(grads_and_vars, global_step, name)
        self.ready_for_local_init_op.mark_used()  # or TensorFlow complains that nobody has asked for it
        self._variables = [variable for gradient, variable in grads_and_vars if gradient is not None]
        runner = self.get_chief_queue_runner()
        with tf.device(global_step.device):
            self.give_token = runner.queue.enqueue(tf.identity(global_step))
        return tf.group(step, *runner.enqueue_ops) if self._is_chief else step

    def init_op(self) -> tf.Operation:
        """What each replica has to run after its session was made."""
        return self.chief_init_op if self._is_chief else self.local_step_init_op

    def release_op(self) -> tf.Operation:
        """Lets a step of this replica end that would wait for ever, because another one has gone.

        The chief's waits for gradients: zeros take the place of one replica's. A worker's waits for its token.
        """
        if not self._is_chief:
            return self.give_token
        zeros = []
        for (accumulator, device), variable in zip(self._accumulator_list, self._variables, strict=True):
            with tf.device(device):
                zeros.append(accumulator.apply_grad(tf.zeros(variable.shape), local_step=self._global_step))
        return tf.group(*zeros)


@contextmanager
def synchronous(replicas: int, is_chief: bool) -> Iterator[list[SynchronousOptimizer]]:
    """Wrap the optimizers that the API builds meanwhile; the list that is yielded gets them.

    Args:
      replicas: how many processes compute gradients, this one included.
    """
    build = optimizer_builder.build
    built: list[SynchronousOptimizer] = []

    def build_synchronous(*args: object, **kwargs: object) -> tuple[SynchronousOptimizer, list[tf.Tensor]]:
        optimizer, summaries = build(*args, **kwargs)
        built.append(SynchronousOptimizer(optimizer, replicas, is_chief))
        return built[-1], summaries

    optimizer_builder.build = build_synchronous
    try:
        yield built
    finally:
        optimizer_builder.build = build
