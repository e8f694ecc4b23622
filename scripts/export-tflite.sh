#!/usr/bin/env bash
# Write the graph for TensorFlow Lite's converter, of the model's newest checkpoint or of CHECKPOINT.
source "$(dirname "${BASH_SOURCE[0]}")/util.sh"
set_up environment

choose_model
option --checkpoint "${CHECKPOINT:-$CHECKPOINT_PREFIX}"
option --nms "$NMS"
option --postprocess "$POSTPROCESS"
option --max-detections "$MAX_DETECTIONS"
option --threshold "$THRESHOLD"
become exporting.tflite_graph --model-dir "$model_dir" ${options[@]+"${options[@]}"} --home "$TODUS_HOME"
