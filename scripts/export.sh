#!/usr/bin/env bash
# Write the inference graph of the model's newest checkpoint, or of CHECKPOINT.
source "$(dirname "${BASH_SOURCE[0]}")/util.sh"
set_up environment

choose_model
option --checkpoint "${CHECKPOINT:-$CHECKPOINT_PREFIX}"
become exporting.inference_graph --model-dir "$model_dir" ${options[@]+"${options[@]}"} --home "$TODUS_HOME"
