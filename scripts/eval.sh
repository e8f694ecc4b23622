#!/usr/bin/env bash
# Evaluate the model's newest checkpoint, or CHECKPOINT, or GRAPH (one or several), on all categories of its dataset or,
# where CATEGORIES is the user's and not its default, on these.
source "$(dirname "${BASH_SOURCE[0]}")/util.sh"
set_up environment

checkpoint="${CHECKPOINT:-$CHECKPOINT_PREFIX}"
[[ -z $checkpoint || -z $GRAPH || $GRAPH == checkpoint || $GRAPH == training ]] ||
  fail "GRAPH=$GRAPH and CHECKPOINT=$checkpoint name different things to evaluate; give only one of them," \
    "or both like this: GRAPH=\"$GRAPH $checkpoint\""
choose_model
option --graph "$GRAPH"
option --checkpoint "$checkpoint"
! given CATEGORIES || option --categories "$CATEGORIES"
become evaluation.evaluate --model-dir "$model_dir" ${options[@]+"${options[@]}"} --home "$TODUS_HOME"
