#!/usr/bin/env bash
# Fetch MODEL from the zoo and prepare it for DATASET.
source "$(dirname "${BASH_SOURCE[0]}")/util.sh"
set_up environment

become zoo.prepare -m "$MODEL" -d "$DATASET" --zoo-url "$ZOO_URL" --home "$TODUS_HOME"
