#!/usr/bin/env bash
# Check the form of everything that is written by hand.
source "$(dirname "${BASH_SOURCE[0]}")/util.sh"
set_up tools

cd "$root"
PATH="$venv/bin:$PATH"
status=0
check() {
  "$@" || status=1
}
check ruff check --quiet .
check ruff format --check --quiet .
check shellcheck scripts/*.sh .ci/run
check shfmt --diff scripts/*.sh .ci/run
check mbake format --check --config .bake.toml Makefile
((status == 0)) || fail "the form needs work (above); ruff format, shfmt -w and mbake format do most of it"
