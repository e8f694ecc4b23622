#!/usr/bin/env bash
# Run the tests, or the part of them that TESTS names.
source "$(dirname "${BASH_SOURCE[0]}")/util.sh"
set_up tools

cd "$root"
read -ra tests <<<"$TESTS"
# As many processes as cores; a file's tests stay together, for they share what is made once. In the order of
# tests/conftest.py, which is the longest first: pytest-xdist would begin with the files of many tests.
exec "$venv/bin/python" -m pytest -q --numprocesses auto --dist loadfile --no-loadscope-reorder "${tests[@]}"
