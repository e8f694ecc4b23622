#!/usr/bin/env bash
# Go on training the model.
source "$(dirname "${BASH_SOURCE[0]}")/util.sh"
set_up environment

# A parameter server needs no model.
tf_config="${TF_CONFIG:-}" task=""
[[ -z $tf_config ]] ||
  task="$(PYTHONPATH="$root/python" "$venv/bin/python" -m todus.training.distributed.cluster --tf-config "$tf_config")"
[[ $task != ps || $BACKGROUND == 0 || -z $BACKGROUND ]] ||
  fail "BACKGROUND=1 is for the chief; start the ps with: nohup make train &"
[[ $task != ps ]] || become training.distributed.parameter_server --tf-config "$tf_config"

choose_model
option --steps "$STEPS"
option --batch-size "$BATCH_SIZE"
option --learning-rate "$LEARNING_RATE"
option --scale-learning-rate "$SCALE_LEARNING_RATE"
option --save-every "$SAVE_EVERY"
option --keep "$KEEP"
option --eval-every "$EVAL_EVERY"
option --eval-images "$EVAL_IMAGES"
option --until-ap "$UNTIL_AP"
option --patience "$PATIENCE"
option --background "$BACKGROUND"
option --precision "$PRECISION"
option --xla "$XLA"
option --sync "$SYNC"
option --workers "$WORKERS"
option --tf-config "$tf_config"
become training.train --model-dir "$model_dir" ${options[@]+"${options[@]}"} --home "$TODUS_HOME"
