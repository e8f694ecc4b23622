"""Measure the ranges of a float detector's activations, so that it can be quantized before any training.

The measuring is that of training itself: moving averages of the least and the greatest value in each batch. But the
weights stay, batch normalizations use their moving averages, and nothing is rounded.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from todus.bridge import detection_model
from todus.bridge.graph_mode import tf
from todus.bridge.pipeline import Pipeline
from todus.training import restore
from todus.training.quantization import ranges, rewriter, steps

BATCH = 8  # images, of which one range is taken
BATCHES = 32  # over which it is averaged
_NEVER = 2**62  # steps


def measure(pipeline: Pipeline, checkpoint: Path, images: Iterable[np.ndarray]) -> Iterator[dict[str, np.ndarray]]:
    """The variables of the ranges of weights and activations, after each batch of `images`, by name.

    Args:
      pipeline: with fake quantization.
      checkpoint: the detector's weights.
      images: uint8 [height, width, 3], RGB, each of its own size.

    Raises:
      UserError: the checkpoint does not fit the pipeline.
    """
    with tf.Graph().as_default() as graph, tf.Session() as session:
        model = detection_model.build(pipeline, is_training=False)
        image = tf.placeholder(tf.float32, [1, None, None, 3])
        preprocessed = model.preprocess(image)
        batch = [tf.placeholder(each.dtype, [None, *each.shape.as_list()[1:]]) for each in preprocessed]
        with detection_model.refusal_in_one_line():
            model.predict(*batch)
        rewriter.rewrite_for_training(graph, quant_delay=_NEVER)
        follow = _what_follows(graph)
        restore_detector = restore.restorer(checkpoint)
        session.run(tf.global_variables_initializer())
        restore_detector(session)
        ready = (session.run(preprocessed, {image: each[None]}) for each in images)
        for several in _batches(ready):
            session.run(follow, dict(zip(batch, several, strict=True)))
            yield session.run(_variables(graph))


def _what_follows(graph: tf.Graph) -> list[tf.Tensor]:
    """The ends of all ranges after they have followed a batch."""
    fake_quants = [op for op in graph.get_operations() if op.type == "FakeQuantWithMinMaxVars"]
    return [end for op in fake_quants for end in op.inputs[1:]]


def _variables(graph: tf.Graph) -> dict[str, tf.Variable]:
    variables = {variable.op.name: variable for variable in graph.get_collection(ranges.COLLECTION)}
    del variables[steps.NAME]  # of training only, which has not begun
    return variables


def _batches(preprocessed: Iterator[tuple[np.ndarray, np.ndarray]]) -> Iterator[list[np.ndarray]]:
    """Stack what was preprocessed one by one; one by one where the resizer leaves images of several sizes."""
    while several := list(itertools.islice(preprocessed, BATCH)):
        alike = len({pixels.shape for pixels, _ in several}) == 1
        for group in [several] if alike else [[each] for each in several]:
            yield [np.concatenate(each) for each in zip(*group, strict=True)]
