"""The operations of UFF in NumPy, on tensors in TensorFlow's layout: NHWC images, HWIO kernels.

Every function takes the fields of a node, references resolved, and the values of its inputs. A field that it does not
know has been refused by then (`structure`).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from uff_interpreter.structure import ORDERS

Fields = dict[str, object]


def _require_orders(fields: Fields, name: str) -> None:
    if fields["inputs_orders"] != ORDERS[name]:
        raise ValueError(f"orders {fields['inputs_orders']}, only {name} are implemented")


def conv(fields: Fields, image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Convolution; in groups with a depthwise kernel [H, W, C, 1].

    A depthwise kernel with a multiplier above 1 is refused: nobody knows in which order TensorRT's parser puts the
    channels that come out.
    """
    _require_orders(fields, "orders_N+C_+CK")
    groups = fields.get("number_groups", 1)
    is_depthwise = groups > 1
    if is_depthwise and (groups, 1) != kernel.shape[2:]:
        raise ValueError(f"{groups} groups with a kernel {kernel.shape}")
    height, width = kernel.shape[:2]
    same = fields.get("implicit_padding")
    windows = _windows(image, (height, width), fields["strides"], fields["dilation"], same, 0)
    out = 0
    for place, seen in windows:
        out = out + (seen * kernel[place][:, 0] if is_depthwise else seen @ kernel[place])
    return out


def pool(fields: Fields, image: np.ndarray) -> np.ndarray:
    """The largest or the mean value in each window; what lies beyond the edge does not count."""
    _require_orders(fields, "orders_N+C")
    settings = (fields["kernel"], fields["strides"], (1, 1), fields.get("implicit_padding"))
    if fields["func"] == "max":
        return np.max([seen for _, seen in _windows(image, *settings, -np.inf)], axis=0)
    if fields["func"] != "avg":
        raise ValueError(f"pool {fields['func']}")
    total = sum(seen for _, seen in _windows(image, *settings, 0))
    return total / sum(seen for _, seen in _windows(np.ones_like(image), *settings, 0))


def _windows(image: np.ndarray, kernel: tuple, strides: tuple, dilation: tuple, same: str | None, beyond: float):
    """For each place (y, x) in the kernel, what it sees of the image in all positions, [N, rows, columns, C]."""
    if same not in (None, "same"):
        raise ValueError(f"padding {same}")
    around, counts = [], []
    for size, window, stride, step in zip(image.shape[1:3], kernel, strides, dilation, strict=True):
        reach = (window - 1) * step + 1
        count = -(-size // stride) if same else (size - reach) // stride + 1
        missing = max((count - 1) * stride + reach - size, 0) if same else 0
        around.append((missing // 2, missing - missing // 2))
        counts.append(count)
    padded = np.pad(image, ((0, 0), *around, (0, 0)), constant_values=beyond)
    (rows, columns), (down, right) = counts, strides
    for y in range(kernel[0]):
        for x in range(kernel[1]):
            top, left = y * dilation[0], x * dilation[1]
            seen = padded[:, top : top + (rows - 1) * down + 1 : down, left : left + (columns - 1) * right + 1 : right]
            yield (y, x), seen


def batch_norm(fields: Fields, image, gamma, beta, mean, variance) -> np.ndarray:
    _require_orders(fields, "orders_N+C")
    factor = gamma / np.sqrt(variance + np.float32(fields["epsilon"]))
    return (image - mean) * factor + beta


def fully_connected(fields: Fields, values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    _require_orders(fields, "orders_NC_CK")
    return values @ weights


def softmax(fields: Fields, values: np.ndarray) -> np.ndarray:
    """Over the channels."""
    _require_orders(fields, "orders_N+C")
    raised = np.exp(values - values.max(-1, keepdims=True))
    return raised / raised.sum(-1, keepdims=True)


def reshape(fields: Fields, values: np.ndarray, shape: np.ndarray) -> np.ndarray:
    return values.reshape([int(size) for size in shape])


def concat(fields: Fields, *values: np.ndarray) -> np.ndarray:
    return np.concatenate(values, fields["axis"])


def stack(fields: Fields, *values: np.ndarray) -> np.ndarray:
    return np.stack(values, fields["axis"])


def shape(fields: Fields, values: np.ndarray) -> np.ndarray:
    return np.array(values.shape, np.int32)


def strided_slice(fields: Fields, values, begin, end, strides) -> np.ndarray:
    """As TensorFlow's, without new axes and without ellipsis; bit i of a mask is about axis i."""

    def along(axis: int) -> slice | int:
        if fields["shrink_axis_mask"] >> axis & 1:
            return int(begin[axis])
        first = None if fields["begin_mask"] >> axis & 1 else int(begin[axis])
        last = None if fields["end_mask"] >> axis & 1 else int(end[axis])
        return slice(first, last, int(strides[axis]))

    return np.asarray(values[tuple(along(axis) for axis in range(len(begin)))])


def squeeze(fields: Fields, values: np.ndarray) -> np.ndarray:
    return np.squeeze(values, tuple(fields["axes"]))


def expand_dims(fields: Fields, values: np.ndarray) -> np.ndarray:
    return np.expand_dims(values, fields["axis"])


def transpose(fields: Fields, values: np.ndarray) -> np.ndarray:
    return values.transpose(fields["permutation"])


def reduce(fields: Fields, values: np.ndarray) -> np.ndarray:
    if fields["func"] != "mean":
        raise ValueError(f"reduce {fields['func']}")
    return values.mean(tuple(fields["axes"]), keepdims=bool(fields.get("keepdims", False)))


def flatten(fields: Fields, values: np.ndarray) -> np.ndarray:
    return values.reshape([len(values), -1])


def leaky_relu(fields: Fields, values: np.ndarray) -> np.ndarray:
    return np.where(values > 0, values, values * np.float32(fields["alpha"]))


def _by_func(functions: dict[str, Callable[..., np.ndarray]]) -> Callable[..., np.ndarray]:
    return lambda fields, *values: functions[fields["func"]](*values)


binary = _by_func(
    {
        "add": np.add,
        "sub": np.subtract,
        "mul": np.multiply,
        "div": np.divide,
        "min": np.minimum,
        "max": np.maximum,
        "pow": np.power,
    }
)
unary = _by_func(
    {
        "sqrt": np.sqrt,
        "rsqrt": lambda values: 1 / np.sqrt(values),
        "neg": np.negative,
        "exp": np.exp,
        "log": np.log,
        "abs": np.abs,
        "square": np.square,
    }
)
activation = _by_func(
    {
        "relu": lambda values: np.maximum(values, 0),
        "relu6": lambda values: np.clip(values, 0, 6),
        "sigmoid": lambda values: 1 / (1 + np.exp(-values)),
        "tanh": np.tanh,
    }
)

OPERATIONS = {
    "Conv": conv,
    "Pool": pool,
    "BatchNorm": batch_norm,
    "FullyConnected": fully_connected,
    "Softmax": softmax,
    "Binary": binary,
    "Unary": unary,
    "Activation": activation,
    "LeakyRelu": leaky_relu,
    "Concat": concat,
    "Stack": stack,
    "Reshape": reshape,
    "Flatten": flatten,
    "Shape": shape,
    "StridedSlice": strided_slice,
    "Squeeze": squeeze,
    "ExpandDims": expand_dims,
    "Transpose": transpose,
    "Reduce": reduce,
}
