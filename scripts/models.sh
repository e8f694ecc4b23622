#!/usr/bin/env bash
# List the zoo's models: input, published COCO mAP and time, what each is meant for, what is here already.
source "$(dirname "${BASH_SOURCE[0]}")/util.sh"
set_up environment

case "$JSON" in
  "" | 0) ;;
  1) options+=(--json) ;;
  *) fail "JSON=$JSON is neither 1 nor 0; JSON=1 prints JSON" ;;
esac
become zoo.models ${options[@]+"${options[@]}"} --home "$TODUS_HOME"
