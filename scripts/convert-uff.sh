#!/usr/bin/env bash
# Convert the exported model, or GRAPH, to UFF for TensorRT 5 to 8.
source "$(dirname "${BASH_SOURCE[0]}")/util.sh"
set_up environment

choose_model
option --graph "$GRAPH"
option --threshold "$THRESHOLD"
option --config "$CONFIG"
option --text "$TEXT"
option --plugins "$PLUGINS"
become converting.uff --model-dir "$model_dir" ${options[@]+"${options[@]}"} --home "$TODUS_HOME"
