"""Every operation of TensorFlow as files of NVIDIA's converter have it, its inputs and the exact fields."""

import numpy as np
import pytest

import made_graph
import uff_parsed
from todus.bridge.graph_mode import tf

import uff
from graphsurgeon.protos import TensorProto

SAME = {"implicit_padding": ("s", "same")}
IMAGE = {"inputs_orders": ("ref", "orders_N+C")}
ONE = ("i_list", [1, 1])
TWO = ("i_list", [2, 2])
CONVOLUTION = {"dilation": ONE, "strides": ONE, "inputs_orders": ("ref", "orders_N+C_+CK")}
SQUARE = {"kernel": ("i_list", [3, 3]), "strides": TWO, **IMAGE}
FOUR_GROUPS = {"number_groups": ("i", 4)}
NORMALISED = {"epsilon": ("d", 0.0010000000474974513), **IMAGE}


def x(shape=(1, 8, 8, 4), dtype=tf.float32):
    return tf.placeholder(dtype, shape, name="x")


def again():
    return tf.placeholder(tf.float32, [None, 8, 8, 4], name="again")


def kernel(*shape):
    return tf.identity(tf.constant(np.ones(shape, np.float32), name="k"), name="k/read")


def vector(name="v", size=4):
    return tf.constant(np.ones(size, np.float32), name=name)


def convolved(**options):
    return tf.nn.conv2d(x(), kernel(3, 3, 4, 5), name="y", **{"strides": 1, "padding": "SAME", **options})


def depthwise(multiplier=1, **options):
    weights = kernel(3, 3, 4, multiplier)
    return tf.nn.depthwise_conv2d_native(x(), weights, [1, 1, 1, 1], "SAME", name="y", **options)


def normalised(operation, is_training=False):
    return operation(
        x=x(),
        scale=vector("gamma"),
        offset=vector("beta"),
        mean=vector("mean"),
        variance=vector("variance"),
        epsilon=0.001,
        is_training=is_training,
        name="y",
    )


def pooled(operation, padding):
    return operation(x(), 3, 2, padding, name="y")


def sliced():
    return tf.strided_slice(tf.shape(x([None, 8]), name="s"), [0], [1], [1], shrink_axis_mask=1, name="y")


def flattened(rest=-1, of=None, batch=lambda shape: shape[0]):
    image = x([None, 8, 8, 4])
    batch = batch(tf.shape(of() if of else image))
    return tf.reshape(image, tf.stack([batch, rest], name="dimensions"), name="y")


def func(name):
    return {"func": ("s", name)}


def case(build, operation, inputs="x", fields=None):
    """What the node y of a graph becomes."""
    return build, operation, inputs.split(), fields or {}


NORM = "x gamma beta mean variance"
SLICE = "s y/begin y/end y/strides"
MASKS = {"begin_mask": ("i", 0), "end_mask": ("i", 0), "shrink_axis_mask": ("i", 1)}
TABLE = {
    "Conv2D, SAME": case(convolved, "Conv", "x k", CONVOLUTION | SAME),
    "Conv2D, VALID": case(lambda: convolved(padding="VALID"), "Conv", "x k", CONVOLUTION),
    "Conv2D, strides": case(lambda: convolved(strides=2), "Conv", "x k", CONVOLUTION | SAME | {"strides": TWO}),
    "Conv2D, dilation": case(lambda: convolved(dilations=2), "Conv", "x k", CONVOLUTION | SAME | {"dilation": TWO}),
    "depthwise": case(depthwise, "Conv", "x k", CONVOLUTION | SAME | FOUR_GROUPS),
    "depthwise, multiplier": case(lambda: depthwise(8), "Conv", "x k", CONVOLUTION | SAME | FOUR_GROUPS),
    "MaxPool, VALID": case(lambda: pooled(tf.nn.max_pool, "VALID"), "Pool", "x", SQUARE | func("max")),
    "MaxPool, SAME": case(lambda: pooled(tf.nn.max_pool, "SAME"), "Pool", "x", SQUARE | SAME | func("max")),
    "AvgPool": case(lambda: pooled(tf.nn.avg_pool, "SAME"), "Pool", "x", SQUARE | SAME | func("avg")),
    "BiasAdd": case(lambda: tf.nn.bias_add(x(), vector(), name="y"), "Binary", "x v", func("add")),
    "Add": case(lambda: tf.raw_ops.Add(x=x(), y=vector(), name="y"), "Binary", "x v", func("add")),
    "AddV2": case(lambda: tf.raw_ops.AddV2(x=x(), y=vector(), name="y"), "Binary", "x v", func("add")),
    "Sub": case(lambda: tf.subtract(x(), vector(), name="y"), "Binary", "x v", func("sub")),
    "Mul": case(lambda: tf.multiply(x(), vector(), name="y"), "Binary", "x v", func("mul")),
    "RealDiv": case(lambda: tf.realdiv(x(), vector(), name="y"), "Binary", "x v", func("div")),
    "Minimum": case(lambda: tf.minimum(x(), vector(), name="y"), "Binary", "x v", func("min")),
    "Maximum": case(lambda: tf.maximum(x(), vector(), name="y"), "Binary", "x v", func("max")),
    "Pow": case(lambda: tf.pow(x(), vector(), name="y"), "Binary", "x v", func("pow")),
    "Rsqrt": case(lambda: tf.rsqrt(x(), name="y"), "Unary", "x", func("rsqrt")),
    "Sqrt": case(lambda: tf.sqrt(x(), name="y"), "Unary", "x", func("sqrt")),
    "Exp": case(lambda: tf.exp(x(), name="y"), "Unary", "x", func("exp")),
    "Relu": case(lambda: tf.nn.relu(x(), name="y"), "Activation", "x", func("relu")),
    "Relu6": case(lambda: tf.nn.relu6(x(), name="y"), "Activation", "x", func("relu6")),
    "Tanh": case(lambda: tf.tanh(x(), name="y"), "Activation", "x", func("tanh")),
    "Sigmoid": case(lambda: tf.sigmoid(x(), name="y"), "Activation", "x", func("sigmoid")),
    "LeakyRelu": case(lambda: tf.nn.leaky_relu(x(), 0.5, name="y"), "LeakyRelu", "x", {"alpha": ("d", 0.5)}),
    "FusedBatchNorm": case(lambda: normalised(tf.raw_ops.FusedBatchNorm), "BatchNorm", NORM, NORMALISED),
    "FusedBatchNormV2": case(lambda: normalised(tf.raw_ops.FusedBatchNormV2), "BatchNorm", NORM, NORMALISED),
    "FusedBatchNormV3": case(lambda: normalised(tf.raw_ops.FusedBatchNormV3), "BatchNorm", NORM, NORMALISED),
    "ConcatV2": case(lambda: tf.concat([x(), again()], 3, name="y"), "Concat", "x again", {"axis": ("i", 3)}),
    "ConcatV2, last axis": case(
        lambda: tf.concat([x(), again()], -1, name="y"), "Concat", "x again", {"axis": ("i", -1)}
    ),
    "Reshape": case(lambda: tf.reshape(x(), [1, 64, 4], name="y"), "Reshape", "x y/shape"),
    "Reshape that flattens": case(flattened, "Flatten"),
    "Reshape that flattens, begin masked": case(
        lambda: flattened(batch=lambda shape: tf.strided_slice(shape, [0], [1], [1], begin_mask=1, shrink_axis_mask=1)),
        "Flatten",
    ),
    "Reshape by the height": case(lambda: flattened(batch=lambda shape: shape[1]), "Reshape", "x dimensions"),
    "Reshape by the channels": case(lambda: flattened(batch=lambda shape: shape[-1]), "Reshape", "x dimensions"),
    "Reshape to a known size": case(lambda: flattened(rest=256), "Reshape", "x dimensions"),
    "Reshape by another's batch": case(lambda: flattened(of=again), "Reshape", "x dimensions"),
    "Shape": case(lambda: tf.shape(x([None, 8]), name="y"), "Shape"),
    "StridedSlice": case(sliced, "StridedSlice", SLICE, MASKS),
    "Pack": case(lambda: tf.stack([x(), again()], 1, name="y"), "Stack", "x again", {"axis": ("i", 1)}),
    "Squeeze": case(lambda: tf.squeeze(x([1, 8, 1, 4]), [2], name="y"), "Squeeze", "x", {"axes": ("i_list", [2])}),
    "Squeeze of all": case(lambda: tf.squeeze(x([1, 8, 1]), name="y"), "Squeeze", "x", {"axes": ("i_list", [])}),
    "ExpandDims": case(lambda: tf.expand_dims(x(), -2, name="y"), "ExpandDims", "x", {"axis": ("i", -2)}),
    "Transpose": case(
        lambda: tf.transpose(x(), [0, 3, 1, 2], name="y"), "Transpose", "x", {"permutation": ("i_list", [0, 3, 1, 2])}
    ),
    "Mean": case(
        lambda: tf.reduce_mean(x(), [1, 2], name="y"), "Reduce", "x", {"axes": ("i_list", [1, 2]), **func("mean")}
    ),
    "Mean, keeping dimensions": case(
        lambda: tf.reduce_mean(x(), 1, keepdims=True, name="y"),
        "Reduce",
        "x",
        {"axes": ("i_list", [1]), "keepdims": ("b", True), **func("mean")},
    ),
    "Softmax": case(lambda: tf.nn.softmax(x(), name="y"), "Softmax", "x", {"axis": ("i", 0), **IMAGE}),
    "MatMul": case(
        lambda: tf.matmul(x([1, 4]), kernel(4, 5), name="y"),
        "FullyConnected",
        "x k",
        {"inputs_orders": ("ref", "orders_NC_CK")},
    ),
    "ArgMax": case(lambda: tf.argmax(x(), 2, name="y"), "ArgMax", "x", {"axis": ("i", 2)}),
    "ArgMin": case(lambda: tf.argmin(x(), 2, name="y"), "ArgMin", "x", {"axis": ("i", 2)}),
    "Pad": case(lambda: tf.pad(x(), [[0, 0], [1, 1], [1, 1], [0, 0]], name="y"), "Pad", "x y/paddings"),
    "Gather": case(lambda: tf.raw_ops.Gather(params=x(), indices=[0], name="y"), "Gather", "x y/indices"),
    "GatherV2": case(
        lambda: tf.gather(x(), tf.constant([0], name="places"), axis=1, name="y"),
        "GatherV2",
        "x places",
        {"axis": ("i", 1)},
    ),
    "Placeholder": case(
        lambda: tf.placeholder(tf.float32, [None, 3, 300, 300], name="y"),
        "Input",
        "",
        {"dtype": ("dtype", "DT_FLOAT32"), "shape": ("i_list", [-1, 3, 300, 300])},
    ),
}


@pytest.mark.parametrize("name", TABLE)
def test_an_operation(name):
    build, operation, inputs, fields = TABLE[name]
    node = uff_parsed.nodes(uff_parsed.converted(made_graph.built(build), ["y"]))["y"]
    assert node.operation == operation
    assert uff_parsed.fields(node) == fields
    assert list(node.inputs) == inputs


CONSTANTS = {
    "listed": tf.make_tensor_proto(np.arange(6, dtype=np.float32).reshape(2, 3)),
    "one for all": TensorProto(dtype=1, tensor_shape=tf.TensorShape([2, 3]).as_proto(), float_val=[0.5]),
    "the last for the rest": TensorProto(dtype=3, tensor_shape=tf.TensorShape([4]).as_proto(), int_val=[1, 2]),
    "scalar": tf.make_tensor_proto(np.float32(0.25)),
    "none": tf.make_tensor_proto(np.zeros([0, 2], np.float32)),
    "half": tf.make_tensor_proto(np.array([1.5, 2], np.float16)),
    "bytes": tf.make_tensor_proto(np.array([-1, 2], np.int8)),
    "long": tf.make_tensor_proto(np.array([-(2**40)], np.int64)),
}


@pytest.mark.parametrize("name", CONSTANTS)
def test_constants_are_written_out(name):
    tensor = CONSTANTS[name]
    graph = tf.GraphDef()
    node = graph.node.add(name="c", op="Const")
    node.attr["value"].tensor.CopyFrom(tensor)
    meta = uff_parsed.converted(graph, ["c"])
    values = tf.make_ndarray(tensor)
    fields = uff_parsed.fields(uff_parsed.nodes(meta)["c"])
    kind = "DT_" + str(values.dtype).upper()
    shape = list(values.shape)
    assert fields == {"dtype": ("dtype", kind), "shape": ("i_list", shape), "values": ("ref", "weights_c")}
    assert meta.referenced_data["weights_c"].blob == values.tobytes()


def test_dimension_orders_are_shared_and_only_those_used():
    meta = uff_parsed.converted(made_graph.built(lambda: tf.nn.relu(convolved()[..., :2], name="z")), ["y"])
    assert set(meta.referenced_data) == {"orders_N+C_+CK", "weights_k"}
    assert uff_parsed.plain(meta.referenced_data["orders_N+C_+CK"]) == (
        "dim_orders_list",
        [{-1: [0, 2, 2147483647, 1]}, {-1: [2, 2147483647, 1, 0]}],
    )


def test_images_in_nchw_have_orders_of_their_own():
    def build():
        image = x([1, 4, 8, 8])
        convolution = tf.nn.conv2d(image, kernel(3, 3, 4, 5), [1, 1, 2, 3], "SAME", data_format="NCHW", name="y")
        tf.nn.max_pool(convolution, [1, 1, 2, 2], [1, 1, 2, 2], "VALID", data_format="NCHW", name="z")

    meta = uff_parsed.converted(made_graph.built(build), ["z"])
    fields = uff_parsed.fields(uff_parsed.nodes(meta)["y"])
    assert fields["strides"] == ("i_list", [2, 3])
    assert fields["inputs_orders"] == ("ref", "orders_NC+_+CK")
    assert uff_parsed.plain(meta.referenced_data["orders_NC+"])[1] == [{-1: [0, 1, 2, 2147483647]}]


def test_other_operations_become_custom_ones_with_all_their_attributes():
    def build():
        batch = tf.raw_ops.BatchMatMulV2(x=x([2, 4, 4]), y=again()[0, :2, :4], adj_y=True, name="m")
        tf.linalg.band_part(batch, *(tf.constant(1, tf.int64, name=name) for name in "lu"), name="y")

    meta = uff_parsed.converted(made_graph.built(build), ["y"])
    nodes = uff_parsed.nodes(meta)
    assert nodes["y"].operation == "_MatrixBandPart"
    assert uff_parsed.fields(nodes["y"]) == {"T": ("dtype", "DT_FLOAT32"), "Tindex": ("dtype", "DT_INT64")}
    assert nodes["m"].operation == "_BatchMatMulV2"
    fields = uff_parsed.fields(nodes["m"])
    assert fields["T"] == ("dtype", "DT_FLOAT32")
    assert (fields["adj_x"], fields["adj_y"]) == (("b", False), ("b", True))
    assert [(descriptor.id, descriptor.version) for descriptor in meta.descriptors] == [
        ("tensorflow_extension", 1),
        ("custom", 1),
    ]


def test_every_kind_of_attribute_of_a_plugin():
    import graphsurgeon as gs

    graph = gs.DynamicGraph()
    graph.append(
        gs.create_plugin_node(
            *("P", "P_TRT"), dtype=tf.float32, shape=[2, -1], i=-3, f=0.5, il=[1, 2], fl=[0.5], s="mode", none=[]
        )
    )
    graph["P"].attr["types"].list.type.extend([1, 4])
    graph["P"].attr["b"].list.b.append(True)
    graph["P"].attr["texts"].list.s.append(b"t")
    graph["P"].attr["tensor"].tensor.CopyFrom(tf.make_tensor_proto(1.0))
    graph["P"].attr["shapes"].list.shape.add()
    (node, _) = uff_parsed.converted(graph, ["P"]).graphs[0].nodes
    assert uff_parsed.fields(node) == {
        "dtype": ("dtype", "DT_FLOAT32"),
        "shape": ("i_list", [2, -1]),
        "i_u_int": ("i", -3),
        "f_u_float": ("d", 0.5),
        "il_u_ilist": ("i_list", [1, 2]),
        "fl_u_flist": ("d_list", [0.5]),
        "none_u_ilist": ("i_list", []),
        "s_u_str": ("s", "mode"),
        "types": ("dtype_list", ["DT_FLOAT32", "DT_INVALID"]),
        "b": ("b_list", [True]),
        "texts": ("s_list", ["t"]),
    }


def test_a_concatenation_made_by_graphsurgeon_keeps_all_inputs():
    import graphsurgeon as gs

    graph = gs.DynamicGraph(made_graph.built(x))
    graph.append(gs.create_node("concat_priorbox", op="ConcatV2", dtype=tf.float32, axis=2, inputs=["x"]))
    node = uff_parsed.nodes(uff_parsed.converted(graph, ["concat_priorbox"]))["concat_priorbox"]
    assert (node.operation, list(node.inputs)) == ("Concat", ["x"])
    assert uff_parsed.fields(node) == {"axis": ("i", 2)}


@pytest.mark.parametrize(
    ("build", "says"),
    [
        (lambda: normalised(tf.raw_ops.FusedBatchNormV3, is_training=True), "^y normalises .* training$"),
        (lambda: tf.matmul(x([4, 1]), kernel(4, 5), transpose_a=True, name="y"), "transpose_a"),
        (lambda: convolved(padding=[[0, 0], [1, 1], [1, 1], [0, 0]]), "explicit padding"),
        (lambda: tf.identity(x()[:, None], name="y"), "new_axis_mask"),
        (lambda: tf.expand_dims(x(), tf.placeholder(tf.int32, [], name="where"), name="y"), "where is a constant"),
        (lambda: tf.add(tf.split(x(), 2, 3)[1], 1.0, name="y"), "reads output 1 of split"),
        (lambda: tf.placeholder(tf.uint8, name="y"), "y has the data type uint8"),
        (lambda: tf.constant(["text"], name="y"), "y has the data type string"),
    ],
)
def test_what_uff_has_no_words_for_is_refused(build, says):
    with pytest.raises(uff.UffError, match=says):
        uff_parsed.converted(made_graph.built(build), ["y"])


@pytest.mark.parametrize("mask", ["ellipsis_mask", "new_axis_mask"])
def test_a_reshape_by_a_masked_slice_flattens_nothing(mask):
    graph = made_graph.built(flattened)
    (batch,) = [node for node in graph.node if node.op == "StridedSlice"]
    batch.attr[mask].i = 1
    with pytest.raises(uff.UffError, match=mask):
        uff_parsed.converted(graph, ["y"])


@pytest.mark.parametrize("shape", ["StridedSlice b", "StridedSlice b s", "Shape b"])
def test_a_reshape_by_a_shape_of_nothing_is_no_traceback(shape):
    graph = made_graph.nodes(f"Placeholder x\nShape s\n{shape}\nPack p b c\nConst c\nReshape y x p")
    graph.node[4].attr["value"].tensor.CopyFrom(tf.make_tensor_proto(-1))
    graph.node[2].attr["shrink_axis_mask"].i = 1
    with pytest.raises(uff.UffError, match="too few inputs"):
        uff_parsed.converted(graph, ["y"])


@pytest.mark.parametrize("operation", ["BiasAdd", "ConcatV2", "Relu", "Conv2D", "Reshape", "Squeeze"])
def test_an_operation_without_inputs_is_refused(operation):
    with pytest.raises(uff.UffError, match=rf"^y \({operation}\) has too few inputs: 0, and needs [12]$"):
        uff_parsed.converted(made_graph.nodes(f"{operation} y"), ["y"])


def test_a_bias_add_without_a_bias_is_refused():
    graph = made_graph.nodes("Placeholder x\nBiasAdd y x ^x")
    with pytest.raises(uff.UffError, match="has too few inputs: 1, and needs 2"):
        uff_parsed.converted(graph, ["y"])


def test_a_long_chain_of_identities_is_passed():
    chain = "\n".join(f"Identity i{k + 1} i{k}" for k in range(3000))
    graph = made_graph.nodes(f"Placeholder i0\n{chain}\nRelu y i3000")
    assert list(uff_parsed.nodes(uff_parsed.converted(graph, ["y"]))["y"].inputs) == ["i0"]


def test_identities_of_each_other_are_refused():
    graph = made_graph.nodes("Identity a b\nIdentity b a\nRelu y a")
    with pytest.raises(uff.UffError, match=r"^a is an Identity of itself$"):
        uff_parsed.converted(graph, ["y"])
