#!/usr/bin/env bash
# Tell what is there of a model, or of all of them.
source "$(dirname "${BASH_SOURCE[0]}")/util.sh"
set_up environment

[[ -z $MODEL ]] || MODEL_DIR="${MODEL_DIR:-$TODUS_HOME/model/$MODEL}"
option --model-dir "$MODEL_DIR"
become status ${options[@]+"${options[@]}"} --home "$TODUS_HOME"
