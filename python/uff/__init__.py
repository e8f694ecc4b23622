"""Convert frozen TensorFlow graphs to UFF, the format of TensorRT 5 to 8: the public API of NVIDIA's uff, written anew.

Importing it imports no TensorFlow; converting does. See README.md.
"""

from uff.errors import UffError
from uff.tensorflow_graphs import from_tensorflow, from_tensorflow_frozen_model

__all__ = ["UffError", "from_tensorflow", "from_tensorflow_frozen_model"]
