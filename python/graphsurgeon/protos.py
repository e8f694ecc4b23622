"""TensorFlow's protocol buffers of a graph: those of TensorFlow itself, so that nodes of scripts fit in.

They cannot be had without the whole of TensorFlow (2.7 s), which scripts import for `dtype=tf.float32` anyway.
"""

from tensorflow.core.framework.attr_value_pb2 import AttrValue
from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.core.framework.node_def_pb2 import NodeDef
from tensorflow.core.framework.tensor_pb2 import TensorProto
from tensorflow.core.framework.tensor_shape_pb2 import TensorShapeProto

__all__ = ["AttrValue", "GraphDef", "NodeDef", "TensorProto", "TensorShapeProto"]
