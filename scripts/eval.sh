#!/usr/bin/env bash
# Evaluate the model's newest checkpoint, or GRAPH, or CHECKPOINT.
source "$(dirname "${BASH_SOURCE[0]}")/util.sh"
set_up environment

choose_model
option --graph "$GRAPH"
option --checkpoint "${CHECKPOINT:-$CHECKPOINT_PREFIX}"
become evaluation.evaluate --model-dir "$model_dir" ${options[@]+"${options[@]}"} --home "$TODUS_HOME"
