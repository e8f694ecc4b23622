"""TensorRT's plugins GridAnchor_TRT and FlattenConcat_TRT in NumPy; NMS_TRT is in `nms`.

Source: NVIDIA/TensorRT (Apache-2.0), release 8: plugin/gridAnchorPlugin, plugin/flattenConcat and
plugin/common/kernels/gridAnchorLayer.cu. What the plugins assert is a ValueError here. A plugin is told the shapes
without the batch, so a tensor [1, a, b] of the file is [a, b] to it.
"""

from __future__ import annotations

import numpy as np

_BOXES_OF_FIRST_LAYER = 3
_SCALE_OF_FIRST_BOX = 0.1


def require(condition: bool, what: str) -> None:
    if not condition:
        raise ValueError(f"the plugin asserts otherwise: {what}")


def grid_anchor(attributes: dict[str, object], is_rectangular: bool = False) -> list[np.ndarray]:
    """The anchors and variances of every feature map, float32 [1, 2, height * width * anchors * 4, 1] each.

    Channel 0 holds xmin, ymin, xmax, ymax, channel 1 the four variances.

    Args:
      is_rectangular: GridAnchorRect_TRT, where featureMapShapes are heights and widths. It spaces the centres by
        1 / height along both axes too, so it is right for square feature maps alone.
    """
    known = {"minSize", "maxSize", "aspectRatios", "featureMapShapes", "variance", "numLayers"}
    require(attributes.keys() <= known, f"attributes {sorted(attributes)}")
    layers = attributes.get("numLayers", 6)
    sizes = attributes["featureMapShapes"]
    shapes = list(zip(sizes[::2], sizes[1::2], strict=True)) if is_rectangular else [(size, size) for size in sizes]
    require(len(shapes) == layers, f"{layers} layers with feature maps {sizes}")
    require(len(attributes["variance"]) == 4, "four variances")
    variance = np.array(attributes["variance"], np.float32)
    outputs = []
    for layer, (height, width) in enumerate(shapes):
        boxes = _tiled(*_widths_and_heights(attributes, layer, layers), height, width).reshape(-1)
        variances = np.tile(variance, len(boxes) // 4)
        outputs.append(np.stack([boxes, variances]).reshape(1, 2, -1, 1))
    return outputs


def _widths_and_heights(attributes: dict[str, object], layer: int, layers: int) -> tuple[np.ndarray, np.ndarray]:
    """Of each anchor of a layer."""
    ratios = [np.float32(ratio) for ratio in attributes["aspectRatios"]]
    if layer == 0:
        require(len(ratios) >= _BOXES_OF_FIRST_LAYER, f"the first layer takes {_BOXES_OF_FIRST_LAYER} aspect ratios")
        ratios = ratios[:_BOXES_OF_FIRST_LAYER]
        scale = _scale(attributes, 0, layers)
        scales = [np.float32(_SCALE_OF_FIRST_BOX), scale, scale]
    else:
        scale = _scale(attributes, layer, layers)
        following = 1.0 if layer == layers - 1 else _scale(attributes, layer + 1, layers)
        scales = [scale] * len(ratios) + [np.float32(np.sqrt(scale * following))]
        ratios = [*ratios, np.float32(1)]
    roots = np.sqrt(np.array(ratios, np.float32))
    return np.array(scales, np.float32) * roots, np.array(scales, np.float32) / roots


def _scale(attributes: dict[str, object], layer: int, layers: int) -> np.float32:
    least, most = np.float32(attributes.get("minSize", 0.2)), np.float32(attributes.get("maxSize", 0.95))
    return np.float32(least + (most - least) * np.float32(layer) / np.float32(layers - 1))


def _tiled(widths: np.ndarray, heights: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """xmin, ymin, xmax, ymax of each anchor at each place, float32 [rows, columns, anchors, 4]."""
    stride = np.float32(1.0 / rows)  # along both axes
    offset = np.float32(0.5) * stride
    y = (np.arange(rows, dtype=np.float32) * stride + offset)[:, None, None]
    x = (np.arange(columns, dtype=np.float32) * stride + offset)[None, :, None]
    half_width, half_height = np.float32(0.5) * widths, np.float32(0.5) * heights
    corners = np.broadcast_arrays(x - half_width, y - half_height, x + half_width, y + half_height)
    return np.stack(corners, -1).astype(np.float32)


def flatten_concat(attributes: dict[str, object], *inputs: np.ndarray) -> np.ndarray:
    """All inputs one after the other, float32 [1, total, 1, 1].

    The plugin of TensorRT 7 and 8 needs axis=1. The one of the samples for TensorRT 5 had no attributes; its axis is
    taken for 1 here. It is not known how the parser makes three dimensions out of [anchors, classes]; here ones are
    added at the end.
    """
    require(attributes.keys() <= {"axis", "ignoreBatch"}, f"attributes {sorted(attributes)}")
    require(attributes.get("axis", 1) == 1, f"axis {attributes.get('axis')} is not what an SSD needs")
    require(attributes.get("ignoreBatch", 0) == 0, "the batch is not ignored in an SSD")
    shapes = [three_dimensions(values) for values in inputs]
    require(len({shape[1:] for shape in shapes}) == 1, f"inputs {shapes} agree but for their first dimension")
    return np.concatenate([values.astype(np.float32).reshape(-1) for values in inputs]).reshape(1, -1, 1, 1)


def three_dimensions(values: np.ndarray) -> tuple[int, int, int]:
    """The shape of a tensor as a plugin is told it: without the batch, which is 1, and with ones at the end."""
    require(values.shape[0] == 1, f"a batch of {values.shape[0]}")
    require(values.ndim <= 4, f"a tensor {values.shape}")
    first, second, third, *_ = (*values.shape[1:], 1, 1, 1)
    return first, second, third
