#!/usr/bin/env bash
# Remove caches and the demo's folder: seconds or minutes to make again.
source "$(dirname "${BASH_SOURCE[0]}")/util.sh"
set_up nothing

rm -rf "$root/.pytest_cache" "$root/.ruff_cache" "$root/demo"
find "$root/python" "$root/tests" -type d -name __pycache__ -prune -exec rm -rf {} +
