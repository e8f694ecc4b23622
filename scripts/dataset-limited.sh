#!/usr/bin/env bash
# Fetch and write the part of COCO that shows CATEGORIES.
source "$(dirname "${BASH_SOURCE[0]}")/util.sh"
set_up environment

option --negatives "$NEGATIVES"
option --masks "$MASKS"
option --preview "$PREVIEW"
option --connections "$CONNECTIONS"
become coco.dataset limited --categories "$CATEGORIES" --splits "$SPLITS" --fetch "$FETCH" \
  --coco-url "$COCO_URL" ${options[@]+"${options[@]}"} --home "$TODUS_HOME"
