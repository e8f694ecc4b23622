"""Todus: TensorFlow 1 zoo detectors, cut down to the COCO categories that matter."""

__version__ = "0.1.0"
