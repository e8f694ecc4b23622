#!/usr/bin/env bash
# Convert the model's graph for TensorFlow Lite, or GRAPH, to .tflite files of the kinds in TFLITE.
source "$(dirname "${BASH_SOURCE[0]}")/util.sh"
set_up environment

choose_model
option --graph "$GRAPH"
option --tflite "$TFLITE"
become converting.tflite --model-dir "$model_dir" ${options[@]+"${options[@]}"} --home "$TODUS_HOME"
