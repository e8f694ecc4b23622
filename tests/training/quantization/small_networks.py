"""Networks of a layer or two, as slim makes them, to be rewritten."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tf_slim as slim

from todus.bridge.graph_mode import tf

IMAGES = np.random.default_rng(0).normal(size=[6, 8, 8, 4]).astype(np.float32)

_INITIAL = {
    "beta": tf.random_uniform_initializer(-1, 1, seed=1),
    "gamma": tf.random_uniform_initializer(0.5, 2, seed=2),
    "moving_mean": tf.random_uniform_initializer(-1, 1, seed=3),
    "moving_variance": tf.random_uniform_initializer(0.5, 2, seed=4),
}


def batch_norm(is_training: bool, fused: bool = True, **more: object) -> dict:
    """The arguments of a slim layer that give it a batch normalization with anything but the usual initial values."""
    settings = {"is_training": is_training, "fused": fused, "scale": True, "epsilon": 0.01, "decay": 0.9}
    return {
        "normalizer_fn": slim.batch_norm,
        "normalizer_params": {**settings, "param_initializers": _INITIAL, **more},
        "weights_initializer": tf.random_normal_initializer(seed=5),
    }


def convolution(images: tf.Tensor, **more: object) -> tf.Tensor:
    return slim.conv2d(images, 5, 3, scope="layer", **more)


def depthwise(images: tf.Tensor, **more: object) -> tf.Tensor:
    return slim.separable_conv2d(images, None, 3, 2, scope="layer", **more)


def dilated(images: tf.Tensor, **more: object) -> tf.Tensor:
    return slim.separable_conv2d(images, None, 3, 1, rate=2, scope="layer", **more)


def fully_connected(images: tf.Tensor, **more: object) -> tf.Tensor:
    return slim.fully_connected(slim.flatten(images), 7, scope="layer", **more)


LAYERS: list[Callable] = [convolution, depthwise, dilated, fully_connected]


def images_tensor() -> tf.Tensor:
    return tf.placeholder_with_default(IMAGES, IMAGES.shape, name="images")


def fake_quants(graph: tf.Graph) -> dict[str, tf.Operation]:
    """By the operation whose output they round."""
    return {op.inputs[0].op.name: op for op in graph.get_operations() if op.type == "FakeQuantWithMinMaxVars"}
