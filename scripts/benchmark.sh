#!/usr/bin/env bash
# Put the formats of the model's newest checkpoint, or of CHECKPOINT, side by side: all, or those that GRAPH names, such
# as "exported int8".
source "$(dirname "${BASH_SOURCE[0]}")/util.sh"
set_up environment

choose_model
option --graph "$GRAPH"
option --checkpoint "${CHECKPOINT:-$CHECKPOINT_PREFIX}"
option --eval-images "$EVAL_IMAGES"
option --threads "$THREADS"
become benchmark.benchmark --model-dir "$model_dir" ${options[@]+"${options[@]}"} --home "$TODUS_HOME"
