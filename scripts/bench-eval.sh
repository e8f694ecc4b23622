#!/usr/bin/env bash
# Time the evaluation of a frozen graph beside the original's way.
source "$(dirname "${BASH_SOURCE[0]}")/util.sh"
set_up environment

option --sample "$SAMPLE"
become bench.evaluation ${options[@]+"${options[@]}"}
