"""One small pipeline for every family of detector that the TensorFlow 1 zoo has.

The images are small, the networks narrow; the heads are as in the zoo's own pipelines. Most suppress non-maxima in one
operation (`use_combined_nms`) instead of one for each class, as the zoo's do, because that is built so much faster.
"""

from __future__ import annotations

from todus.bridge import pipeline as pipelines

CLASSES = 90
FEWER_CLASSES = 12  # where the API builds a non-maximum suppression for each class: 90 of them take many seconds
PER_CLASS = 4  # detections of a class in an image: so few that the detections of all the classes fit

_BATCH_NORM = "batch_norm { decay: 0.97 center: true scale: true epsilon: 0.001 train: true }"
_CONVOLUTION = f"""
conv_hyperparams {{
  activation: RELU_6
  regularizer {{ l2_regularizer {{ weight: 4e-05 }} }}
  initializer {{ truncated_normal_initializer {{ mean: 0.0 stddev: 0.03 }} }}
  {_BATCH_NORM}
}}"""
_PLAIN = "regularizer { l2_regularizer { weight: 0 } } initializer { truncated_normal_initializer { stddev: 0.01 } }"

_SSD = """
model { ssd {
  num_classes: %(classes)d
  image_resizer { fixed_shape_resizer { height: %(size)d width: %(size)d } }
  feature_extractor { type: "%(extractor)s" depth_multiplier: 0.25 min_depth: 8 %(options)s %(convolution)s }
  box_coder { faster_rcnn_box_coder { y_scale: 10 x_scale: 10 height_scale: 5 width_scale: 5 } }
  matcher { argmax_matcher { matched_threshold: 0.5 unmatched_threshold: 0.5 } }
  similarity_calculator { iou_similarity {} }
  box_predictor { %(predictor)s }
  anchor_generator { %(anchors)s }
  post_processing {
    batch_non_max_suppression {
      score_threshold: 1e-08 iou_threshold: 0.6 max_detections_per_class: %(per_class)d max_total_detections: %(total)d
      %(suppression)s
    }
    score_converter: SIGMOID
  }
  loss { localization_loss { weighted_smooth_l1 {} } classification_loss { weighted_sigmoid {} } }
  %(more)s
} }
"""

_OVERRIDE = "override_base_feature_extractor_hyperparams: true"
_ANCHORS = "ssd_anchor_generator { num_layers: 6 min_scale: 0.2 max_scale: 0.95 aspect_ratios: [1.0, 2.0, 0.5] }"
_FPN_ANCHORS = (
    "multiscale_anchor_generator { min_level: 3 max_level: 7 anchor_scale: 4 aspect_ratios: [1.0, 2.0] "
    "scales_per_octave: 1 }"
)
_FPN = "fpn { min_level: 3 max_level: 7 additional_layer_depth: 16 }"


def _ssd(
    extractor: str,
    predictor: str = "",
    size: int = 96,
    anchors: str = _ANCHORS,
    options: str = "",
    more: str = "",
    suppression: str = "use_combined_nms: true change_coordinate_frame: false",
    classes: int = CLASSES,
) -> str:
    return _SSD % {
        "extractor": extractor,
        "predictor": predictor or _convolutional(),
        "size": size,
        "anchors": anchors,
        "options": options,
        "more": more,
        "suppression": suppression,
        "convolution": _CONVOLUTION,
        "classes": classes,
        "per_class": PER_CLASS,
        "total": PER_CLASS * classes,
    }


def _convolutional(options: str = "kernel_size: 1") -> str:
    return f"convolutional_box_predictor {{ {_CONVOLUTION} box_code_size: 4 use_dropout: false {options} }}"


def _weight_shared(options: str) -> str:
    return (
        f"weight_shared_convolutional_box_predictor {{ {_CONVOLUTION} box_code_size: 4 depth: 16 kernel_size: 3 "
        f"class_prediction_bias_init: -4.6 {options} }}"
    )


SSD = {
    "ssd mobilenet v1": _ssd("ssd_mobilenet_v1", suppression="", classes=FEWER_CLASSES),
    "ssd with hidden layers": _ssd(
        "ssd_mobilenet_v2",
        _convolutional("kernel_size: 3 num_layers_before_predictor: 2 min_depth: 8 max_depth: 16"),
    ),
    "ssd without background": _ssd("ssd_mobilenet_v1", more="add_background_class: false"),
    "ssdlite": _ssd(
        "ssd_mobilenet_v2", _convolutional("kernel_size: 3 use_depthwise: true"), options="use_depthwise: true"
    ),
    "ssd mobilenet v3": _ssd(
        "ssd_mobilenet_v3_small", _convolutional("kernel_size: 3 use_depthwise: true"), options="use_depthwise: true"
    ),
    "ssd mobiledet": _ssd(
        "ssd_mobiledet_cpu", _convolutional("kernel_size: 3 use_depthwise: true"), options="use_depthwise: true"
    ),
    "ssd inception v2": _ssd("ssd_inception_v2", _convolutional("kernel_size: 3"), options=_OVERRIDE),
    "embedded ssd": _ssd(
        "embedded_ssd_mobilenet_v1",
        size=256,
        anchors="ssd_anchor_generator { num_layers: 5 min_scale: 0.2 max_scale: 0.95 aspect_ratios: [1.0, 2.0] }",
    ),
    "ppn": _ssd(
        "ssd_mobilenet_v1_ppn",
        _weight_shared("num_layers_before_predictor: 1"),
        size=128,
        anchors=_ANCHORS.replace("num_layers: 6", "num_layers: 6 reduce_boxes_in_lowest_layer: false"),
    ),
    "fpn": _ssd(
        "ssd_mobilenet_v1_fpn",
        _weight_shared("num_layers_before_predictor: 1"),
        size=128,
        anchors=_FPN_ANCHORS,
        options=f"{_FPN} {_OVERRIDE}",
    ),
    "fpnlite": _ssd(
        "ssd_mobilenet_v2_fpn",
        _weight_shared("num_layers_before_predictor: 1 use_depthwise: true share_prediction_tower: true"),
        size=128,
        anchors=_FPN_ANCHORS,
        options=f"{_FPN} {_OVERRIDE} use_depthwise: true",
    ),
    "resnet fpn": _ssd(
        "ssd_resnet50_v1_fpn",
        _weight_shared("num_layers_before_predictor: 1"),
        size=160,
        anchors=_FPN_ANCHORS,
        options=f"{_FPN} {_OVERRIDE}",
    ),
    "mnasfpn": _ssd(
        "ssd_mobilenet_v2_mnasfpn",
        _weight_shared("num_layers_before_predictor: 1 use_depthwise: true"),
        size=128,
        anchors=_FPN_ANCHORS.replace("max_level: 7", "max_level: 6"),
        options="use_depthwise: true fpn { min_level: 3 max_level: 6 additional_layer_depth: 16 }",
    ),
}

PROPOSALS = 3

_TWO_STAGES = """
model { faster_rcnn {
  num_classes: %(classes)d
  number_of_stages: %(stages)d
  image_resizer { fixed_shape_resizer { height: 96 width: 96 } }
  feature_extractor { type: "faster_rcnn_inception_v2" first_stage_features_stride: 16 }
  first_stage_anchor_generator { grid_anchor_generator {
    scales: [0.1, 0.2] aspect_ratios: [0.5, 1.0] height_stride: 16 width_stride: 16
  } }
  first_stage_box_predictor_conv_hyperparams { op: CONV %(plain)s }
  first_stage_box_predictor_depth: 16
  first_stage_nms_score_threshold: 0
  first_stage_nms_iou_threshold: 0.7
  first_stage_max_proposals: %(proposals)d
  first_stage_localization_loss_weight: 2
  first_stage_objectness_loss_weight: 1
  %(pooling)s
  second_stage_box_predictor { %(predictor)s }
  second_stage_post_processing {
    batch_non_max_suppression {
      score_threshold: 0 iou_threshold: 1 max_detections_per_class: %(proposals)d max_total_detections: %(total)d
    }
    score_converter: SOFTMAX
  }
  second_stage_localization_loss_weight: 2
  second_stage_classification_loss_weight: 1
} }
"""


def _two_stages(predictor: str, stages: int = 2) -> str:
    return _TWO_STAGES % {
        "stages": stages,
        "classes": FEWER_CLASSES,
        "plain": _PLAIN,
        "proposals": PROPOSALS,
        "total": PROPOSALS * FEWER_CLASSES,
        "pooling": "initial_crop_size: 4 maxpool_kernel_size: 1 maxpool_stride: 1",
        "predictor": predictor,
    }


def _mask_rcnn(options: str = "") -> str:
    return f"mask_rcnn_box_predictor {{ fc_hyperparams {{ op: FC {_PLAIN} }} use_dropout: false {options} }}"


def _masks(options: str) -> str:
    return _mask_rcnn(
        f"predict_instance_masks: true mask_height: 4 mask_width: 4 conv_hyperparams {{ op: CONV {_PLAIN} }} {options}"
    )


TWO_STAGES = {
    "faster rcnn": _two_stages(_mask_rcnn()),
    "rfcn": _two_stages(
        f"rfcn_box_predictor {{ conv_hyperparams {{ op: CONV {_PLAIN} }} crop_height: 4 crop_width: 4 "
        "num_spatial_bins_height: 2 num_spatial_bins_width: 1 depth: 32 }"
    ),
    "mask rcnn with shared boxes": _two_stages(
        _masks(
            "mask_prediction_conv_depth: 0 mask_prediction_num_conv_layers: 3 convolve_then_upsample_masks: true "
            "share_box_across_classes: true"
        ),
        stages=3,
    ),
}


ALL = {**SSD, **TWO_STAGES}


def pipeline(text: str) -> pipelines.Pipeline:
    return pipelines.parse(text)
