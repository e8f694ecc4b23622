#!/usr/bin/env bash
# Tell whether training runs, how far it is, and how good the model is by now.
source "$(dirname "${BASH_SOURCE[0]}")/util.sh"
set_up environment

choose_model
become training.process.run_status --model-dir "$model_dir" --home "$TODUS_HOME"
