"""TensorFlow's own converter, from a frozen graph to a .tflite file of one of five kinds.

float32   as the graph computes
float16   weights of half the size, computed in float32 or float16 as the device likes
dynamic   weights of 8 bits, activations in floating point
int8      8 bits throughout, by ranges measured on a representative set of images
uint8     8 bits throughout, by the ranges that the graph's fake quantization was trained with
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from todus.bridge.graph_mode import tf
from todus.bridge.tflite_exporter import BOXES, INPUT, POST_PROCESS, SCORES
from todus.converting import tflite_ranges
from todus.converting.quiet import quiet
from todus.errors import UserError
from todus.exporting.tflite_facts import Facts

DETECTIONS = [POST_PROCESS, *(f"{POST_PROCESS}:{i}" for i in (1, 2, 3))]  # boxes, classes, scores, count
HEADS = [BOXES, SCORES]

Representative = Callable[[], Iterator[list[np.ndarray]]]


def convert(graph: tf.GraphDef, facts: Facts, kind: str, representative: Representative | None = None) -> bytes:
    """The .tflite file of `graph`, without metadata.

    Args:
      kind: as above.
      representative: for int8: gives the network's input, a list of one float32 [1, height, width, 3], for each image.

    Raises:
      UserError: the converter refuses the graph.
    """
    if kind != "uint8":
        graph = tflite_ranges.without(graph)
    with tempfile.TemporaryDirectory() as folder, quiet():
        file = Path(folder) / "graph.pb"
        file.write_bytes(graph.SerializeToString())
        try:
            return _converter(file, facts, kind, representative).convert()
        except UserError:
            raise
        except Exception as error:  # the converter raises whatever comes, and tells a page of it
            raise UserError(f"TensorFlow Lite's converter refuses this graph as {kind}: {_reason(error)}") from error


def _converter(file: Path, facts: Facts, kind: str, representative: Representative | None) -> tf.lite.TFLiteConverter:
    outputs = HEADS if facts.has_heads else DETECTIONS
    shape = {INPUT: [1, facts.height, facts.width, 3]}
    converter = tf.lite.TFLiteConverter.from_frozen_graph(str(file), [INPUT], outputs, shape)
    converter.allow_custom_ops = True  # TFLite_Detection_PostProcess
    _set(converter, facts, kind, representative)
    return converter


def _set(converter: tf.lite.TFLiteConverter, facts: Facts, kind: str, representative: Representative | None) -> None:
    if kind == "uint8":
        converter.inference_type = tf.uint8
        converter.quantized_input_stats = {INPUT: input_statistics(facts)}
    elif kind != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if kind == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if kind == "int8":
        converter.representative_dataset = representative
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = tf.uint8
        # TFLite_Detection_PostProcess gives floating point, whatever it is given.
        converter.inference_output_type = tf.uint8 if facts.has_heads else tf.float32


def input_statistics(facts: Facts) -> tuple[float, float]:
    """What a pixel of 0..255 means to the network, (pixel - mean) / deviation, with a whole number as mean.

    8-bit values need a whole zero point: half-way means go up, and the deviation follows so that black stays what it
    is. A MobileNet's 127.5 and 127.5 become 128 and 128, which on the golden graph of TensorFlow 1.15 are nearer to
    what it computes than 127.5 with either zero point (4.1 steps of the boxes on average, against 5.0 and 5.3).

    Raises:
      UserError: the channels have different means, which one zero point cannot express.
    """
    if len(set(facts.mean)) > 1 or len(set(facts.deviation)) > 1:
        raise UserError("this model's channels have different means, which uint8 cannot express; say TFLITE=int8")
    mean, deviation = facts.mean[0], facts.deviation[0]
    zero_point = float(int(mean + 0.5))
    return zero_point, deviation * zero_point / mean if mean else deviation


def _reason(error: Exception) -> str:
    """The line that says it, of the many."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = [line.partition("error:")[2].strip() for line in lines if "error:" in line]
    return (told or lines or [type(error).__name__])[0]
