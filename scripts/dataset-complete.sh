#!/usr/bin/env bash
# Fetch and write all of COCO.
source "$(dirname "${BASH_SOURCE[0]}")/util.sh"
source "$root/scripts/dataset-options.sh"
set_up environment

make_dataset complete
