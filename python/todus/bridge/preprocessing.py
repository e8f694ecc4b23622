"""What a detector does to the pixels of an image before its network sees them."""

from __future__ import annotations

import numpy as np

from todus.bridge import detection_model
from todus.bridge.graph_mode import tf
from todus.bridge.pipeline import Pipeline
from todus.errors import UserError

_PROBES = (0.0, 100.0, 255.0)  # pixel values; two tell a straight line, the third whether it is one


def normalisation(pipeline: Pipeline) -> tuple[list[float], list[float]]:
    """Mean and standard deviation for each channel, so that the network sees (pixel - mean) / deviation.

    Args:
      pipeline: of an SSD with a fixed_shape_resizer.

    Raises:
      UserError: the detector normalises in another way.
    """
    resizer = pipeline.model.ssd.image_resizer.fixed_shape_resizer
    shape = [1, resizer.height, resizer.width, 3]
    with tf.Graph().as_default(), tf.Session() as session:
        model = detection_model.build(pipeline, is_training=False)
        seen = session.run([model.preprocess(tf.fill(shape, probe))[0][0, 0, 0] for probe in _PROBES])
    low, middle, high = (channels.astype(np.float64) for channels in seen)
    slope = (high - low) / (_PROBES[2] - _PROBES[0])
    if (slope <= 0).any() or not np.allclose(middle, low + _PROBES[1] * slope, atol=1e-3):
        raise UserError("this detector does not normalise its pixels as (pixel - mean) / deviation")
    # Rounded, because the network's own arithmetic is float32: 127.5, and not 127.50000190.
    return [float(f"{value:.6g}") for value in -low / slope], [float(f"{value:.6g}") for value in 1 / slope]
