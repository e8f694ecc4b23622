"""TensorFlow as the rest of Todus sees it: graph mode, quiet, with all that the Object Detection API needs put back.

    from todus.bridge.graph_mode import tf

Everyone takes `tf` from here and not from `tensorflow`, so that nobody imports it before it is prepared.
"""

from todus import bridge

bridge.install()

import tensorflow.compat.v1 as tf  # noqa: E402

__all__ = ["tf"]
