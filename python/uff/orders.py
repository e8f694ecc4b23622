"""What the dimensions of an operation's inputs mean: entries of referenced_data that nodes share.

A dimension order lists, for batch, channels and then the spatial dimensions, where each lies: [0, 2.., 1] would be
NCHW's places in NHWC notation. All values but those of NCHW graphs were seen in files of NVIDIA's converter.
"""

from __future__ import annotations

from uff.schema import INCREMENT, SPECIAL, Data, DimensionOrders

_NHWC = [0, 2, INCREMENT, 1]
_NCHW = [0, 1, 2, INCREMENT]  # never seen: follows from the others
_HWIO = [2, INCREMENT, 1, 0]

_ORDERS = {
    "orders_N+C": [_NHWC],
    "orders_N+C_+CK": [_NHWC, _HWIO],
    "orders_NC+": [_NCHW],
    "orders_NC+_+CK": [_NCHW, _HWIO],
    "orders_NC_CK": [[0, 1], [1, 0]],
}


def image(data_format: str) -> str:
    """The key for an operation on images, NHWC or NCHW."""
    return "orders_NC+" if data_format == "NCHW" else "orders_N+C"


def image_and_kernel(data_format: str) -> str:
    """The key for a convolution; TensorFlow's kernels are HWIO in both formats."""
    return f"{image(data_format)}_+CK"


MATRICES = "orders_NC_CK"


def is_order(key: str) -> bool:
    return key in _ORDERS


def referenced(key: str) -> Data:
    """The entry of referenced_data for one of the keys above."""
    data = Data()
    for order in _ORDERS[key]:
        dimension_orders = DimensionOrders()
        dimension_orders.orders[SPECIAL].val.extend(order)
        data.dim_orders_list.val.append(dimension_orders)
    return data
