#!/usr/bin/env bash
# Measure each kind of .tflite file beside the frozen graph, on the demo's little model.
source "$(dirname "${BASH_SOURCE[0]}")/util.sh"
set_up environment

become bench.tflite --home "$TODUS_HOME"
