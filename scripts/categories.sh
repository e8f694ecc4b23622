#!/usr/bin/env bash
# List how many images, boxes and bytes COCO has of every category, with CATEGORIES marked.
source "$(dirname "${BASH_SOURCE[0]}")/util.sh"
set_up environment

json_option
become coco.statistics --categories "$CATEGORIES" --splits "$SPLITS" --coco-url "$COCO_URL" \
  ${options[@]+"${options[@]}"} --home "$TODUS_HOME"
