"""Search and change TensorFlow graphs: the public API of NVIDIA's graphsurgeon, written anew. See README.md."""

from graphsurgeon.dynamic_graph import DynamicGraph
from graphsurgeon.errors import GraphError
from graphsurgeon.nodes import create_node, create_plugin_node, update_node
from graphsurgeon.static_graph import StaticGraph

__all__ = ["DynamicGraph", "GraphError", "StaticGraph", "create_node", "create_plugin_node", "update_node"]
