#!/usr/bin/env bash
# Say what the Python environment is; make has set it up if it was not there.
source "$(dirname "${BASH_SOURCE[0]}")/util.sh"
set_up environment

[[ -f $venv/installed-gpu ]] && flavour="with CUDA" || flavour="for the CPU"
version="$("$venv/bin/python" -c 'import importlib.metadata as m, platform as p; print(p.python_version(), m.version("tf_keras"))')"
echo "$venv is ready: Python ${version% *}, TensorFlow ${version#* } $flavour"
echo "next: make demo"
