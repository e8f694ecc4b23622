#!/usr/bin/env bash
# Time the making of datasets beside what one would otherwise use.
source "$(dirname "${BASH_SOURCE[0]}")/util.sh"
set_up environment

option --sample "$SAMPLE"
become bench.dataset ${options[@]+"${options[@]}"}
