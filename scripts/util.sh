# What the scripts of the verbs share: the root, the Python environment, choosing a model. To be sourced.
#
#     source "$(dirname "${BASH_SOURCE[0]}")/util.sh"
#     set_up environment
# shellcheck shell=bash

set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

# A mistake of the user's: one line that says what is wrong; how to fix it.
fail() {
  printf 'todus: %s\n' "$*" >&2
  exit 2
}

# The path $1, which is below $2 where it is relative, in its plainest form: /a/./b//../c/ is /a/c. Nothing of it needs
# to be there.
absolute() {
  local rest="$1/" part plain=""
  [[ $1 == /* ]] || rest="$2/$1/"
  while [[ -n $rest ]]; do
    part="${rest%%/*}"
    rest="${rest#*/}"
    case "$part" in
      "" | .) ;;
      ..) plain="${plain%/*}" ;;
      *) plain+="/$part" ;;
    esac
  done
  printf '%s' "${plain:-/}"
}

# Have the variables of the Makefile at hand, and what $1 names ready: `nothing`, the Python `environment`, or the
# `tools` of the tests besides. Under make both hold already; a script that was called directly asks make for them.
set_up() {
  if [[ -z ${TODUS_VARIABLES:-} ]]; then
    local settings
    settings="$(env -u MAKEFLAGS -u MAKELEVEL make --silent --no-print-directory -C "$root" "_$1" TODUS_ASKS=1)" || exit
    eval "$settings"
  fi
  # From here on everything is passed as an argument: nothing of this run shall leak into what Python may start.
  local name
  for name in $TODUS_VARIABLES; do
    export -n "${name?}"
  done
  export -n TODUS_GIVEN
  unset TODUS_VARIABLES MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES
  venv="$(absolute "$VENV" "$root")"
  TODUS_HOME="$(absolute "$TODUS_HOME" "$PWD")"
  [[ -z $MODEL_DIR ]] || MODEL_DIR="$(absolute "$MODEL_DIR" "$PWD")"
  [[ $MODEL != */* && $MODEL != .* ]] ||
    fail "MODEL=$MODEL: MODEL is a name, not a path; make models lists the names, MODEL_DIR takes a folder"
}

# Become `python -m todus.$1` with the other arguments. A PYTHONPATH of the user's is dropped: it often names another
# checkout of the Object Detection API, which is what OBJECT_DETECTION_DIR is for.
become() {
  local module="todus.$1"
  shift
  [[ -z $OBJECT_DETECTION_DIR ]] || export OBJECT_DETECTION_DIR
  export PYTHONPATH="$root/python"
  exec "$venv/bin/python" -m "$module" "$@"
}

# Collect in `options` the option $1 with the value $2, unless that is empty.
options=()
option() {
  [[ -z $2 ]] || options+=("$1" "$2")
}

# Whether the user has set the variable $1, be it to its default.
given() {
  [[ " ${TODUS_GIVEN:-} " == *" $1 "* ]]
}

# Collect --json in `options` if JSON asks for it.
json_option() {
  case "$JSON" in
    "" | 0) ;;
    1) options+=(--json) ;;
    *) fail "JSON=$JSON is neither 1 nor 0; JSON=1 prints JSON" ;;
  esac
}

is_prepared() {
  [[ -f $1/pretrained/pipeline.config ]]
}

prepared_models() {
  local folder
  for folder in "$TODUS_HOME"/model/*/; do
    ! is_prepared "$folder" || basename "$folder"
  done
}

# What a command has to say besides, if dataset/ and model/ are not in this checkout.
elsewhere() {
  [[ $TODUS_HOME == "$root" ]] || printf ' TODUS_HOME=%q' "$TODUS_HOME"
}

# Set `model_dir` to the folder of the model that the user means: MODEL_DIR, MODEL, the only one, or one from a menu.
choose_model() {
  if [[ -n $MODEL_DIR ]]; then
    model_dir="$MODEL_DIR"
    [[ -z $MODEL || $MODEL == "${model_dir##*/}" ]] ||
      fail "MODEL=$MODEL and MODEL_DIR=$MODEL_DIR name different models; give only one of them"
    is_prepared "$model_dir" ||
      fail "MODEL_DIR=$MODEL_DIR is not a prepared model; prepare one with: make model MODEL=${model_dir##*/}$(elsewhere)"
    return
  fi
  local models=() name
  while IFS= read -r name; do
    models+=("$name")
  done < <(prepared_models)
  if [[ -n $MODEL ]]; then
    model_dir="$TODUS_HOME/model/$MODEL"
    is_prepared "$model_dir" ||
      fail "$MODEL is not prepared (prepared: ${models[*]:-none}); prepare it with: make model MODEL=$MODEL$(elsewhere)"
  elif ((${#models[@]} == 0)); then
    fail "no model is prepared; prepare one with: make model MODEL=name$(elsewhere) (make models lists the names)"
  elif ((${#models[@]} == 1)); then
    model_dir="$TODUS_HOME/model/${models[0]}"
  elif [[ -t 0 && -t 2 ]]; then
    choose_from_menu "${models[@]}"
  else
    fail "several models are prepared; say which with MODEL=name, one of: ${models[*]}"
  fi
}

choose_from_menu() {
  local name="" PS3="number of the model: "
  echo "Several models are prepared:" >&2
  select name in "$@"; do
    [[ -z $name ]] || break
  done >&2
  [[ -n $name ]] || fail "no model was chosen; say which with MODEL=name, one of: $*"
  model_dir="$TODUS_HOME/model/$name"
}
