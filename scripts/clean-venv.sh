#!/usr/bin/env bash
# Remove the Python environment, if Todus made it.
source "$(dirname "${BASH_SOURCE[0]}")/util.sh"
set_up nothing

[[ ! -e $venv || -e $venv/made-by-todus ]] || fail "$venv was not made by Todus; remove it by hand"
rm -rf "$venv"
