#!/usr/bin/env bash
# Convert the model's newest checkpoint, or CHECKPOINT, or what GRAPH names, to ONNX.
source "$(dirname "${BASH_SOURCE[0]}")/util.sh"
set_up environment

choose_model
option --graph "$GRAPH"
option --checkpoint "${CHECKPOINT:-$CHECKPOINT_PREFIX}"
option --nms "$NMS"
option --input "$INPUT"
option --layout "$LAYOUT"
option --batch "$BATCH"
option --opset "$OPSET"
option --preprocess "$PREPROCESS"
option --threshold "$THRESHOLD"
become converting.onnx --model-dir "$model_dir" ${options[@]+"${options[@]}"} --home "$TODUS_HOME"
