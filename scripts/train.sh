#!/usr/bin/env bash
# Go on training the model.
source "$(dirname "${BASH_SOURCE[0]}")/util.sh"
set_up environment

choose_model
option --steps "$STEPS"
option --batch-size "$BATCH_SIZE"
option --learning-rate "$LEARNING_RATE"
become training.train --model-dir "$model_dir" ${options[@]+"${options[@]}"} --home "$TODUS_HOME"
