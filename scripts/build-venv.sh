#!/usr/bin/env bash
# Build the Python environment $VENV for a stamp of the Makefile: installed-cpu, installed-gpu or installed-tests; or
# look whether a `_foreign` one will do. What follows the stamp's name are the reasons, as make gives them.
#
# An environment is always built from nothing: what a broken-off installation leaves behind cannot be told from a
# whole one. pip's cache makes that cheap. The stamp comes last.
source "$(dirname "${BASH_SOURCE[0]}")/util.sh"

cd "$root"
stamp="$1"
reasons="${*:2}"
started=$SECONDS
export PIP_DISABLE_PIP_VERSION_CHECK=1
unset PYTHONPATH PYTHONHOME

version_of() {
  sed -nE 's/^version(_info)? *= *([0-9]+\.[0-9]+).*/\2/p' "$1/pyvenv.cfg"
}

# pip in the background, so that whoever stops this script stops pip too: one that went on alone would write into the
# environment of the next attempt.
trap 'kill $(jobs -p) 2>/dev/null; exit 130' INT TERM HUP

install() {
  local quiet=--quiet
  [[ ! -t 2 ]] || quiet=--progress-bar=on
  "$VENV/bin/python" -m pip install "$quiet" "$@" >&2 &
  wait $! || {
    echo "todus: setting up $VENV failed (above); the same command tries again" >&2
    exit 1
  }
}

build() {
  local python="$1" flavour="$2"
  [[ ! -e $VENV || -e $VENV/made-by-todus || -z $(ls -A "$VENV") ]] ||
    fail "$VENV is there and was not made by Todus; move it away, or name another folder with VENV="
  echo "setting up $VENV with $("$python" --version), once; this takes a minute or a few, and 1.9 GB" >&2
  rm -rf "$VENV"
  mkdir -p "$VENV"
  touch "$VENV/made-by-todus"
  "$python" -m venv "$VENV"
  if [[ $flavour == gpu ]]; then
    # The CUDA build brings its own libraries, which differ by platform: pip resolves those, within our pins.
    local others="$VENV/requirements-but-tensorflow.txt" version
    version="$(sed -n 's/^tensorflow==\([0-9.]*\).*/\1/p' requirements.txt)"
    grep -v '^tensorflow' requirements.txt >"$others"
    install --no-deps -r "$others"
    install --only-binary :all: --constraint "$others" "tensorflow[and-cuda]==$version"
  else
    install --no-deps -r requirements.txt
  fi
}

case "$stamp" in
  _foreign)
    "$VENV/bin/python" - <<'END' || fail "$VENV was not made by Todus and cannot run it; move it away, or name another folder with VENV="
import importlib.util, sys
sys.exit(not all(map(importlib.util.find_spec, ("tensorflow", "tf_keras", "tf_slim", "object_detection", "tqdm"))))
END
    exit
    ;;
  installed-tests)
    rm -f "$VENV/$stamp"
    echo "setting up the tools of the tests in $VENV" >&2
    install -r tests/requirements.txt --constraint requirements.txt
    ;;
  installed-cpu | installed-gpu)
    [[ -z $GPU || $GPU == [01] ]] || fail "GPU=$GPU is neither 1 nor 0; GPU=1 sets up TensorFlow with CUDA"
    python="$(scripts/find-python.sh)"
    if [[ -n $PYTHON && -e $VENV/made-by-todus && -f $VENV/pyvenv.cfg ]]; then
      there="$(version_of "$VENV")"
      wanted="$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')"
      if [[ $there != "$wanted" ]]; then
        echo "$VENV has Python $there, PYTHON=$PYTHON is $wanted: building it anew" >&2
      elif [[ $reasons == _python ]]; then
        exit # only asked whether this is the Python, and it is
      fi
    fi
    build "$python" "${stamp#installed-}"
    ;;
esac
touch "$VENV/$stamp"
echo "made $VENV ($(du -sh "$VENV" | cut -f 1), $((SECONDS - started)) s)" >&2
