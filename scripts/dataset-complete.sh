#!/usr/bin/env bash
# Fetch and write all of COCO.
source "$(dirname "${BASH_SOURCE[0]}")/util.sh"
set_up environment

become coco.dataset complete --splits "$SPLITS" --coco-url "$COCO_URL" --home "$TODUS_HOME"
