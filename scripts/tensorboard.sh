#!/usr/bin/env bash
# Show the training of a model in a browser.
source "$(dirname "${BASH_SOURCE[0]}")/util.sh"
set_up environment

choose_model
option --port "$PORT"
option --listen "$LISTEN"
become training.monitoring.tensorboard --model-dir "$model_dir" ${options[@]+"${options[@]}"} --home "$TODUS_HOME"
