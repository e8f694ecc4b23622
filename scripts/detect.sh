#!/usr/bin/env bash
# Show what the model's newest checkpoint, or CHECKPOINT, or GRAPH finds in IMAGE: an image, a folder, or a video.
source "$(dirname "${BASH_SOURCE[0]}")/util.sh"
set_up environment

checkpoint="${CHECKPOINT:-$CHECKPOINT_PREFIX}"
[[ -z $checkpoint || -z $GRAPH || $GRAPH == checkpoint || $GRAPH == training ]] ||
  fail "GRAPH=$GRAPH and CHECKPOINT=$checkpoint name different things; give only one of them"
choose_model
option --image "$IMAGE"
option --graph "$GRAPH"
option --checkpoint "$checkpoint"
option --threshold "$THRESHOLD"
option --output "$OUTPUT"
json_option
become detecting.detect --model-dir "$model_dir" ${options[@]+"${options[@]}"} --home "$TODUS_HOME"
