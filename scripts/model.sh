#!/usr/bin/env bash
# Fetch MODEL from the zoo and prepare it for DATASET.
source "$(dirname "${BASH_SOURCE[0]}")/util.sh"
set_up environment

if [[ -n $MODEL_DIR ]]; then
  MODEL="${MODEL:-${MODEL_DIR##*/}}"
  prepared="$(absolute "model/$MODEL" "$TODUS_HOME")"
  [[ $MODEL_DIR == "$prepared" || $MODEL_DIR -ef $prepared ]] ||
    fail "MODEL_DIR=$MODEL_DIR is not where $MODEL is prepared, $prepared; say TODUS_HOME= and MODEL="
elif [[ -z $MODEL ]]; then # the only prepared model needs no name
  prepared="$(prepared_models)"
  [[ $prepared == *$'\n'* ]] || MODEL="$prepared"
fi
option --quantize "$QUANTIZE"
option --quant-delay "$QUANT_DELAY"
option --batch-size "$BATCH_SIZE"
(become zoo.prepare -m "$MODEL" -d "$DATASET" --zoo-url "$ZOO_URL" ${options[@]+"${options[@]}"} --home "$TODUS_HOME")
become training.quantization.start --model-dir "$TODUS_HOME/model/$MODEL" --home "$TODUS_HOME"
