#!/usr/bin/env bash
# Write the folder to copy to a device, for the model as tflite, onnx or uff (FORMAT).
source "$(dirname "${BASH_SOURCE[0]}")/util.sh"
set_up environment

choose_model
option --format "$FORMAT"
become device_kit.kit --model-dir "$model_dir" ${options[@]+"${options[@]}"} --home "$TODUS_HOME"
