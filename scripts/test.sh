#!/usr/bin/env bash
# Run the tests, or the part of them that TESTS names.
source "$(dirname "${BASH_SOURCE[0]}")/util.sh"
set_up tools

cd "$root"
read -ra tests <<<"$TESTS"
exec "$venv/bin/python" -m pytest -q "${tests[@]}"
