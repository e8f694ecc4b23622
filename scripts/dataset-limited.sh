#!/usr/bin/env bash
# Fetch and write the part of COCO that shows CATEGORIES.
source "$(dirname "${BASH_SOURCE[0]}")/util.sh"
source "$root/scripts/dataset-options.sh"
set_up environment

make_dataset limited --categories "$CATEGORIES"
