#!/usr/bin/env bash
# Tell what is missing on this machine, and how to mend it.
source "$(dirname "${BASH_SOURCE[0]}")/util.sh"
set_up environment

become doctor --coco-url "$COCO_URL" --zoo-url "$ZOO_URL" --home "$TODUS_HOME"
