"""What the input of an ONNX model, or of a TensorRT engine, takes for an image."""

import numpy as np
from common import resized


def prepared(image: np.ndarray, facts: dict) -> np.ndarray:
    """An image of the network's size (unless the model resizes by itself), normalised or in 8 bits, in its layout.

    Args:
      image: uint8 [height, width, 3], RGB.
      facts: height, width, resize, input, layout, mean, deviation, and preprocess if the model may resize by itself.
    """
    if not facts.get("preprocess"):
        image = resized(image, facts["height"], facts["width"], facts["resize"])
    if facts["input"] == "float":
        image = (image - np.array(facts["mean"], np.float32)) / np.array(facts["deviation"], np.float32)
    else:
        image = np.floor(image + np.float32(0.5)).astype(np.uint8)
    return np.ascontiguousarray(image.transpose(2, 0, 1)) if facts["layout"] == "nchw" else image
