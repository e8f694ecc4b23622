#!/usr/bin/env bash
# Remove the written datasets. What came from COCO stays, so they can be written again without a download.
source "$(dirname "${BASH_SOURCE[0]}")/util.sh"
set_up nothing

rm -rf "$TODUS_HOME/dataset/mscoco/limited" "$TODUS_HOME/dataset/mscoco/complete"
