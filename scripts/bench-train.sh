#!/usr/bin/env bash
# Time a step of training beside the plain loop, and the cut head beside one begun anew.
source "$(dirname "${BASH_SOURCE[0]}")/util.sh"
set_up environment

option --sample "$SAMPLE"
become bench.training --profile ${options[@]+"${options[@]}"}
