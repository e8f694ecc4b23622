#!/usr/bin/env bash
# List the zoo's models: input, published COCO mAP and time, what each is meant for, what is here already.
source "$(dirname "${BASH_SOURCE[0]}")/util.sh"
set_up environment

json_option
become zoo.models ${options[@]+"${options[@]}"} --home "$TODUS_HOME"
