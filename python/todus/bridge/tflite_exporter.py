"""Write an SSD as the frozen graph that TensorFlow Lite's converter takes.

Source: object_detection/export_tflite_ssd_graph_lib.py, which does the same from and to files, and wants a global_step.
The tests hold the two to the same graph.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from todus import checkpoint as checkpoints
from todus.bridge import detection_model
from todus.bridge.exporter import has_moving_averages
from todus.bridge.graph_mode import tf
from todus.bridge.pipeline import Pipeline
from todus.errors import UserError

from object_detection import export_tflite_ssd_graph_lib as lib
from object_detection import exporter
from object_detection.builders import graph_rewriter_builder, post_processing_builder

INPUT = "normalized_input_image_tensor"
BOXES, SCORES, ANCHORS = "raw_outputs/box_encodings", "raw_outputs/class_predictions", "anchors"
POST_PROCESS = "TFLite_Detection_PostProcess"


@dataclass(frozen=True)
class PostProcessing:
    """How the custom operation TFLite_Detection_PostProcess decodes boxes and suppresses non-maxima.

    is_regular: each class by itself; else all classes together ("fast").
    """

    score_threshold: float
    iou_threshold: float
    max_detections: int
    max_per_class: int
    is_regular: bool


def frozen_graph(
    pipeline: Pipeline, checkpoint: Path, post_processing: PostProcessing | None, batch: int | None = 1
) -> tf.GraphDef:
    """The graph from `normalized_input_image_tensor`, float32 [batch, height, width, 3], to its outputs.

    Outputs: TFLite_Detection_PostProcess with boxes, classes, scores and count; without `post_processing`
    raw_outputs/box_encodings float32 [1, anchors, 4] and raw_outputs/class_predictions float32 [1, anchors, classes],
    and the constant `anchors` float32 [anchors, 4] (y and x of the centre, height, width) to decode them with.

    Raises:
      UserError: the checkpoint does not fit the pipeline, or cannot be read; the API refuses the pipeline.
    """
    with tf.Graph().as_default() as graph, tf.Session(graph=graph) as session:
        _build(pipeline, batch)
        _rewrite(pipeline)
        _restore(session, pipeline, checkpoint)
        frozen = tf.graph_util.convert_variables_to_constants(session, graph.as_graph_def(), [BOXES, SCORES, ANCHORS])
    return _with_operation(frozen, pipeline, post_processing) if post_processing else frozen


def _build(pipeline: Pipeline, batch: int | None) -> None:
    """From the normalised image to raw boxes and scores, into the current graph."""
    resizer = pipeline.model.ssd.image_resizer.fixed_shape_resizer
    image = tf.placeholder(tf.float32, [batch, resizer.height, resizer.width, 3], name=INPUT)
    with detection_model.refusal_in_one_line():
        predictions = detection_model.build(pipeline, is_training=False).predict(image, true_image_shapes=None)
    _, score_converter = post_processing_builder.build(pipeline.model.ssd.post_processing)
    scores = score_converter(predictions["class_predictions_with_background"])
    tf.identity(predictions["box_encodings"], name=BOXES)
    tf.identity(scores, name=SCORES)
    lib.get_const_center_size_encoded_anchors(predictions["anchors"])  # names the constant `anchors`


def _rewrite(pipeline: Pipeline) -> None:
    """Fake quantization where the pipeline asks for it; an FPN's upsampling in one operation."""
    is_quantized = pipeline.HasField("graph_rewriter")
    if is_quantized:
        graph_rewriter_builder.build(pipeline.graph_rewriter, is_training=False)()
    if pipeline.model.ssd.feature_extractor.HasField("fpn"):
        exporter.rewrite_nn_resize_op(is_quantized)


def _restore(session: tf.Session, pipeline: Pipeline, checkpoint: Path) -> None:
    """The weights, or their moving averages where the pipeline asks for them and the checkpoint has them."""
    variables = {variable.op.name: variable for variable in tf.global_variables()}
    try:
        if pipeline.eval_config.use_moving_averages and has_moving_averages(checkpoint):
            variables = tf.train.ExponentialMovingAverage(0.0).variables_to_restore()
        variables.pop("global_step", None)  # not needed, and the zoo's checkpoints have it in several types
        tf.train.Saver(variables).restore(session, str(checkpoint))
    except (tf.errors.NotFoundError, tf.errors.InvalidArgumentError) as error:
        first_line = str(error).strip().splitlines()[0]
        raise UserError(f"checkpoint {checkpoint} does not fit pipeline.config: {first_line}") from None
    except (tf.errors.OpError, ValueError) as error:
        raise checkpoints.unreadable(checkpoint, error) from None


def _with_operation(frozen: tf.GraphDef, pipeline: Pipeline, settings: PostProcessing) -> tf.GraphDef:
    coder = pipeline.model.ssd.box_coder.faster_rcnn_box_coder
    scales = {"y": coder.y_scale, "x": coder.x_scale, "h": coder.height_scale, "w": coder.width_scale}
    return lib.append_postprocessing_op(
        frozen,
        settings.max_detections,
        max_classes_per_detection=1,
        nms_score_threshold={settings.score_threshold},
        nms_iou_threshold={settings.iou_threshold},
        num_classes=pipeline.model.ssd.num_classes,
        scale_values={f"{axis}_scale": {scale} for axis, scale in scales.items()},
        detections_per_class=settings.max_per_class,
        use_regular_nms=settings.is_regular,
    )
