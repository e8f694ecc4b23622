"""From the TensorFlow graph to an ONNX model without suppression: tf2onnx, then onnxslim."""

from __future__ import annotations

import onnx
import onnxslim
import tf2onnx.constants
import tf2onnx.convert
from onnx import helper

import todus
from todus import progress
from todus.bridge.graph_mode import tf
from todus.converting import onnx_facts, onnx_graph, onnx_quantization
from todus.converting.onnx_facts import DYNAMIC, IMAGE, NCHW, RAW_BOXES, RAW_SCORES, Form
from todus.converting.quiet import quiet
from todus.errors import UserError
from todus.exporting.tflite_facts import Facts

OUTPUTS = [RAW_BOXES, RAW_SCORES]
_ONNX_DOMAIN = ""


def convert(graph: tf.GraphDef, opset: int) -> onnx.ModelProto:
    """The model of a graph that onnx_graph.build has made; the same input and outputs, by the same names.

    Raises:
      UserError: tf2onnx refuses the graph.
    """
    with quiet():
        try:
            model, _ = tf2onnx.convert.from_graph_def(
                graph,
                name="detector",
                input_names=[f"{IMAGE}:0"],
                output_names=[f"{name}:0" for name in OUTPUTS],
                opset=opset,
                custom_op_handlers=onnx_quantization.HANDLERS,
                tensors_to_rename={f"{name}:0": name for name in (IMAGE, *OUTPUTS)},
            )
        except Exception as error:  # it raises whatever comes
            reason = (str(error).strip() or repr(error)).splitlines()[0]
            raise UserError(f"tf2onnx refuses this graph: {reason}; try another OPSET") from error
    onnx_quantization.store_weights(model, onnx_graph.rounded_weights(graph))
    return simplified(_with_standard_operations_alone(model, opset))


def _name_dimensions(model: onnx.ModelProto, form: Form) -> None:
    """Of the input and the outputs, those that are not fixed: tf2onnx calls them unk__7 and the like."""
    for value in model.graph.output:
        dimensions = value.type.tensor_type.shape.dim
        if form.batch == DYNAMIC and dimensions:
            dimensions[0].dim_param = "batch"
    names = ("batch", "", "height", "width") if form.layout == NCHW else ("batch", "height", "width", "")
    for dimension, name in zip(model.graph.input[0].type.tensor_type.shape.dim, names, strict=True):
        if not dimension.dim_value:
            dimension.dim_param = name


def _with_standard_operations_alone(model: onnx.ModelProto, opset: int) -> onnx.ModelProto:
    """As tf2onnx gives it, but declaring no domain besides ONNX's own, and the oldest format that has the opset."""
    del model.opset_import[:]
    model.opset_import.append(helper.make_opsetid(_ONNX_DOMAIN, opset))
    model.ir_version = tf2onnx.constants.OPSET_TO_IR_VERSION[opset]
    return model


def simplified(model: onnx.ModelProto) -> onnx.ModelProto:
    """What onnxslim makes of it; the model itself, with a line that says so, if that fails."""
    before = onnx.ModelProto()
    before.CopyFrom(model)
    try:
        with quiet():
            slim = onnxslim.slim(before)
            slim.ir_version = model.ir_version
            onnx.checker.check_model(slim, full_check=True)
    except Exception as error:  # it raises whatever comes, and what it was given still works
        reason = (str(error).strip() or repr(error)).splitlines()[0]
        progress.say(f"note: onnxslim could not simplify the file, so it is as tf2onnx made it ({reason})")
        return model
    return slim


def describe(model: onnx.ModelProto, facts: Facts, form: Form) -> None:
    """Put all that is known of the model into it, and make sure that it is whole.

    Raises:
      UserError: onnx.checker refuses it.
    """
    helper.set_model_props(model, onnx_facts.to_metadata(facts, form))
    _name_dimensions(model, form)
    model.producer_name, model.producer_version = "todus", todus.__version__
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise UserError(f"onnx.checker refuses the file: {str(error).splitlines()[0]}; try another OPSET") from error
