#!/usr/bin/env bash
# Have training save and end.
source "$(dirname "${BASH_SOURCE[0]}")/util.sh"
set_up environment

choose_model
become training.process.stop --model-dir "$model_dir" --home "$TODUS_HOME"
