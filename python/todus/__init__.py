"""Todus: TensorFlow 1 zoo detectors, cut down to the COCO categories that matter."""
