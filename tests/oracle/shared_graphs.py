"""Graphs that TensorFlow 1.15 and TensorFlow 2.21 build from this very code, to be compared.

It runs in Python 3.7 as well, and imports neither Todus nor TensorFlow by itself: both are handed in, or have to be
importable by now.
"""

from __future__ import annotations

import numpy as np

BOXES = 20  # room for them in an image of a batch


def small_network(tf, slim, images, is_training):
    """A strided, a depthwise and a pointwise convolution, a block with a bypass, a head; each kind of rounding once.

    Returns its output, float32 [batch, 6].
    """
    normalised = {
        "normalizer_fn": slim.batch_norm,
        "normalizer_params": {"is_training": is_training, "scale": True, "epsilon": 0.01, "decay": 0.9},
        "activation_fn": tf.nn.relu6,
        "weights_regularizer": slim.l2_regularizer(1e-3),
    }
    net = slim.conv2d(images, 8, 3, stride=2, scope="first", **normalised)
    net = slim.separable_conv2d(net, None, 3, 1, scope="depthwise", **normalised)
    net = slim.conv2d(net, 8, 1, scope="pointwise", **normalised)
    normalised["activation_fn"] = tf.identity
    with tf.variable_scope("block"):
        net = tf.add(slim.conv2d(net, 8, 1, scope="project", **normalised), net, name="add")
    net = slim.conv2d(net, 3, 1, scope="head", activation_fn=None, weights_regularizer=slim.l2_regularizer(1e-3))
    return tf.reduce_mean(tf.reshape(net, [net.shape[0], -1, 3]), axis=1)


def small_step(tf, slim, rewrite, images, wanted, is_training=True):
    """A step of gradient descent of the small network towards `wanted`; rewrite() is to rewrite the default graph.

    Returns (train_op, loss, output); train_op also runs the updates of moving averages.
    """
    output = small_network(tf, slim, tf.constant(images), is_training)
    losses = [tf.reduce_mean((output - wanted) ** 2), *tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES)]
    loss = tf.add_n(losses)
    rewrite()
    updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
    with tf.control_dependencies([loss]):
        train_op = tf.group(tf.train.GradientDescentOptimizer(0.05).minimize(loss), *updates)
    return train_op, loss, output


def detector_step(tf, model, configs, images, boxes, classes):
    """The API's training step of a detector, from constants: without its reader and its augmentation.

    Args:
      model: a DetectionModel for training.
      configs: what the API's config_util makes of a pipeline.
      images: uint8 [batch, height, width, 3], of the size that the pipeline resizes to.
      boxes, classes: of each image, float32 [n, 4] and int32 [n], counted from 1.

    Returns (train_op, losses, predictions); the latter two are dicts by the API's names, the total loss is `total`.
    """
    from object_detection import model_lib

    kept = {}
    for method in ("predict", "loss"):
        setattr(model, method, _keeping(kept, method, getattr(model, method)))
    pixels, shapes = model.preprocess(tf.constant(images, tf.float32))
    pixels.set_shape(images.shape)
    features = {"image": pixels, "true_image_shape": shapes, "hash": tf.zeros([len(images)], tf.int32)}
    build = model_lib.create_model_fn(lambda **_: model, configs)
    spec = build(features, _labels(tf, boxes, classes, model.num_classes), "train")
    return spec.train_op, dict(kept["loss"], total=spec.loss), kept["predict"]


def _keeping(kept, name, method):
    def call(*args, **kwargs):
        kept[name] = dict(method(*args, **kwargs))
        return dict(kept[name])

    return call


def _labels(tf, boxes, classes, class_count):
    padded_boxes = np.zeros([len(boxes), BOXES, 4], np.float32)
    one_hot = np.zeros([len(boxes), BOXES, class_count], np.float32)
    weights = np.zeros([len(boxes), BOXES], np.float32)
    for image, own_boxes in enumerate(boxes):
        count = len(own_boxes)
        padded_boxes[image, :count], weights[image, :count] = own_boxes, 1
        one_hot[image, range(count), classes[image] - 1] = 1
    labels = {
        "groundtruth_boxes": padded_boxes,
        "groundtruth_classes": one_hot,
        "groundtruth_weights": weights,
        "num_groundtruth_boxes": np.array([len(own) for own in boxes], np.int32),
    }
    return {name: tf.constant(value) for name, value in labels.items()}


def variables(tf):
    """Name, shape and dtype of every variable of the default graph."""
    return {each.op.name: [each.shape.as_list(), each.dtype.base_dtype.name] for each in tf.global_variables()}


def fake_quants(graph):
    """What every FakeQuant of `graph` rounds, how, and who takes it; gradients left out."""
    return {
        op.name: [
            op.get_attr("num_bits"),
            op.get_attr("narrow_range"),
            [tensor.name for tensor in op.inputs],
            sorted(each.name for each in op.outputs[0].consumers() if not each.name.startswith("gradients/")),
        ]
        for op in graph.get_operations()
        if op.type.startswith("FakeQuant") and not op.type.endswith("Gradient")
    }
