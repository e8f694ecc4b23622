#!/usr/bin/env bash
# Fetch and write the part of COCO that shows CATEGORIES.
source "$(dirname "${BASH_SOURCE[0]}")/util.sh"
set_up environment

become coco.dataset limited --categories "$CATEGORIES" --splits "$SPLITS" --coco-url "$COCO_URL" --home "$TODUS_HOME"
