#!/usr/bin/env bash
# List the verbs and the variables of the Makefile with the text behind their ##, and the values in force.
source "$(dirname "${BASH_SOURCE[0]}")/util.sh"
set_up nothing

echo "Todus cuts zoo detectors down to the COCO categories you need, trains and exports them."
echo
echo "usage: make VERB... [VARIABLE=value]..."
echo
sed -nE 's/^([a-z][a-z-]*):.*## (.*)/\1\t\2/p' "$root/Makefile" |
  while IFS=$'\t' read -r verb text; do
    printf '  %-21s %s\n' "$verb" "$text"
  done
echo
sed -nE 's/^([A-Z_]+) \?=.*## (.*)/\1\t\2/p' "$root/Makefile" |
  while IFS=$'\t' read -r name text; do
    printf '  %-21s %s\n' "$name" "$text"
    [[ -z ${!name} ]] || printf '  %-21s   = %s\n' "" "${!name}"
  done
