#!/usr/bin/env bash
# List how many images, boxes and bytes COCO has of every category, with CATEGORIES marked.
source "$(dirname "${BASH_SOURCE[0]}")/util.sh"
set_up environment

case "$JSON" in
  "" | 0) ;;
  1) options+=(--json) ;;
  *) fail "JSON=$JSON is neither 1 nor 0; JSON=1 prints JSON" ;;
esac
become coco.statistics --categories "$CATEGORIES" --splits "$SPLITS" --coco-url "$COCO_URL" \
  ${options[@]+"${options[@]}"} --home "$TODUS_HOME"
