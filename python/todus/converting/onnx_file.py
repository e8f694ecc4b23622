"""Read an ONNX file, and what it tells of itself. Needs no TensorFlow."""

from __future__ import annotations

from pathlib import Path

import onnx
from google.protobuf.message import DecodeError

from todus.converting.onnx_facts import Form, from_metadata
from todus.errors import UserError
from todus.exporting.tflite_facts import Facts
from todus.progress import shown


def load(path: Path) -> tuple[onnx.ModelProto, Facts, Form]:
    """The file, and what it tells of itself.

    Raises:
      UserError: it is not there, or is no ONNX file of Todus.
    """
    try:
        model = onnx.load(path, load_external_data=False)
    except (FileNotFoundError, IsADirectoryError):
        raise UserError(f"{shown(path)} is not there; run: make convert-onnx") from None
    except DecodeError:
        raise UserError(f"{shown(path)} is no ONNX file, or half of one; run: make convert-onnx") from None
    return model, *from_metadata({entry.key: entry.value for entry in model.metadata_props}, str(shown(path)))
