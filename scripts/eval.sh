#!/usr/bin/env bash
# Evaluate the model's newest checkpoint, or GRAPH, or CHECKPOINT.
source "$(dirname "${BASH_SOURCE[0]}")/util.sh"
set_up environment

checkpoint="${CHECKPOINT:-$CHECKPOINT_PREFIX}"
[[ -z $checkpoint || -z $GRAPH || $GRAPH == checkpoint ]] ||
  fail "GRAPH=$GRAPH and CHECKPOINT=$checkpoint name different things to evaluate; give only one of them"
choose_model
option --graph "$GRAPH"
option --checkpoint "$checkpoint"
become evaluation.evaluate --model-dir "$model_dir" ${options[@]+"${options[@]}"} --home "$TODUS_HOME"
