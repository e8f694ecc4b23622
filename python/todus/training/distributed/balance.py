"""Spread variables over parameter servers by their size."""

from __future__ import annotations

import numpy as np

from todus.bridge.graph_mode import tf


class SmallestLoad:
    """A strategy of tf.train.replica_device_setter: a variable goes to the server that has the fewest bytes so far.

    All processes create the same variables in the same order, and so put each on the same server.
    """

    def __init__(self, servers: int):
        self.loads = np.zeros(servers, np.int64)

    def __call__(self, operation: tf.Operation) -> int:
        server = int(np.argmin(self.loads))
        self.loads[server] += self._bytes(operation)
        return server

    @staticmethod
    def _bytes(operation: tf.Operation) -> int:
        output = operation.outputs[0]
        values = output.shape.num_elements() if output.shape.is_fully_defined() else 1
        return max(values, 1) * output.dtype.base_dtype.size
