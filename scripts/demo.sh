#!/usr/bin/env bash
# The whole road on a generated mini-COCO, offline.
source "$(dirname "${BASH_SOURCE[0]}")/util.sh"
set_up environment

become demo.tour --folder "$root/demo"
