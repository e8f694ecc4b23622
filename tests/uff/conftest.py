"""TensorFlow is prepared before anybody imports it: graphsurgeon would take it as it is."""

from todus.bridge import graph_mode  # noqa: F401
