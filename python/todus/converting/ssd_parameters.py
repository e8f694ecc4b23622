"""What TensorRT's SSD plugins have to be told, from pipeline.config; and which pipelines they cannot express.

Sources: the plugins' own code, NVIDIA/TensorRT release/8.2 (plugin/gridAnchorPlugin, nmsPlugin, common/kernels,
Apache-2.0); object_detection/anchor_generators/multiple_grid_anchor_generator.py.
"""

from __future__ import annotations

from dataclasses import dataclass

from todus.bridge import pipeline as pipelines
from todus.bridge.pipeline import Pipeline
from todus.errors import UserError

# The plugin takes the first three ratios for its first layer, the API always these.
LOWEST_LAYER_RATIOS = [1.0, 2.0, 0.5]
_SIGMOID = "SIGMOID"


@dataclass(frozen=True)
class Size:
    """Pixels of the image that the network takes."""

    height: int
    width: int


@dataclass(frozen=True)
class Anchors:
    """The parameters of GridAnchor_TRT: scales as shares of the image's side, ratios of width to height.

    variances: of x, y, width, height, the reciprocals of the box coder's scales.
    """

    layers: int
    min_scale: float
    max_scale: float
    aspect_ratios: tuple[float, ...]
    variances: tuple[float, float, float, float]

    def per_location(self, layer: int) -> int:
        """How many boxes the plugin places at each point of the feature map `layer`."""
        return len(LOWEST_LAYER_RATIOS) if layer == 0 else len(self.aspect_ratios) + 1


@dataclass(frozen=True)
class Suppression:
    """The limits of non-maximum suppression, as the pipeline has them."""

    score_threshold: float
    iou_threshold: float
    max_per_class: int
    max_total: int


def image_size(pipeline: Pipeline) -> Size:
    """Raises UserError if the pipeline does not give every image the same square shape."""
    require_ssd(pipeline)
    resizer = pipeline.model.ssd.image_resizer
    if resizer.WhichOneof("image_resizer_oneof") != "fixed_shape_resizer":
        raise _inexpressible("its images have no fixed shape (no fixed_shape_resizer)")
    size = Size(resizer.fixed_shape_resizer.height, resizer.fixed_shape_resizer.width)
    if size.height != size.width:
        # GridAnchorRect_TRT takes maps of any shape, but steps by 1 / height along both axes.
        raise _inexpressible(f"its images are not square ({size.width}x{size.height}), TensorRT's anchors are")
    if resizer.fixed_shape_resizer.convert_to_grayscale:
        raise _inexpressible("its images are made grey")
    return size


def require_ssd(pipeline: Pipeline) -> None:
    """Raises UserError if the pipeline is not that of an SSD with a predictor for each feature map."""
    kind = pipelines.meta_architecture(pipeline)
    if kind != "ssd":
        raise _inexpressible(f"{kind} has two stages, and the plugins are for SSD")
    predictor = pipeline.model.ssd.box_predictor.WhichOneof("box_predictor_oneof")
    if predictor != "convolutional_box_predictor":
        raise _inexpressible(f"{predictor} (as FPN and PPN have it) is not what the plugins take")
    if pipeline.model.ssd.box_predictor.convolutional_box_predictor.apply_sigmoid_to_scores:
        raise _inexpressible("its box predictor applies a sigmoid already (apply_sigmoid_to_scores)")
    if not pipeline.model.ssd.add_background_class:
        raise _inexpressible("it has no background class, so its labels would be off by one")


def anchors(pipeline: Pipeline) -> Anchors:
    """Raises UserError if GridAnchor_TRT cannot place these anchors."""
    kind = pipeline.model.ssd.anchor_generator.WhichOneof("anchor_generator_oneof")
    if kind != "ssd_anchor_generator":
        raise _inexpressible(f"its anchors are of another kind ({kind})")
    generator = pipeline.model.ssd.anchor_generator.ssd_anchor_generator
    ratios = list(generator.aspect_ratios)
    for inexpressible, reason in (
        (not generator.reduce_boxes_in_lowest_layer, "reduce_boxes_in_lowest_layer is false"),
        (ratios[:3] != LOWEST_LAYER_RATIOS, f"aspect_ratios do not begin with 1.0, 2.0, 0.5 but are {ratios}"),
        (generator.scales, "scales are given one by one"),
        (generator.interpolated_scale_aspect_ratio != 1, "interpolated_scale_aspect_ratio is not 1.0"),
        ((generator.base_anchor_height, generator.base_anchor_width) != (1, 1), "base anchors are not 1x1"),
        (generator.height_stride or generator.height_offset, "strides or offsets are given"),
        (generator.num_layers < 2, "there is one layer only"),
    ):
        if inexpressible:
            raise _inexpressible(f"GridAnchor_TRT cannot place its anchors: {reason}")
    scales = (generator.min_scale, generator.max_scale)
    return Anchors(generator.num_layers, *scales, tuple(ratios), _variances(pipeline))


def _variances(pipeline: Pipeline) -> tuple[float, float, float, float]:
    kind = pipeline.model.ssd.box_coder.WhichOneof("box_coder_oneof")
    if kind != "faster_rcnn_box_coder":
        raise _inexpressible(f"NMS_TRT cannot decode its boxes ({kind})")
    coder = pipeline.model.ssd.box_coder.faster_rcnn_box_coder
    return (1 / coder.x_scale, 1 / coder.y_scale, 1 / coder.width_scale, 1 / coder.height_scale)


def suppression(pipeline: Pipeline) -> Suppression:
    """Raises UserError if NMS_TRT cannot suppress in this way."""
    processing = pipeline.model.ssd.post_processing
    settings = processing.batch_non_max_suppression
    converter = processing.DESCRIPTOR.fields_by_name["score_converter"].enum_type.values_by_number
    name = converter[processing.score_converter].name
    for inexpressible, reason in (
        (not processing.HasField("batch_non_max_suppression"), "it has no non-maximum suppression"),
        (name != _SIGMOID, f"its scores are made by {name}, NMS_TRT knows SIGMOID"),
        (processing.logit_scale != 1, "its scores are scaled (logit_scale)"),
        (processing.HasField("calibration_config"), "its scores are calibrated (calibration_config)"),
        (settings.soft_nms_sigma > 0, "its suppression is soft (soft_nms_sigma)"),
        (settings.use_class_agnostic_nms, "its suppression is across classes (use_class_agnostic_nms)"),
    ):
        if inexpressible:
            raise _inexpressible(reason)
    limits = (settings.max_detections_per_class, settings.max_total_detections)
    return Suppression(settings.score_threshold, settings.iou_threshold, *limits)


def _inexpressible(reason: str) -> UserError:
    return UserError(f"this model cannot be written as UFF: {reason}; ONNX may be the way out: make convert-onnx")
