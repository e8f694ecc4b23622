# What the two verbs that make datasets hand on alike. To be sourced after set_up.
# shellcheck shell=bash

# Become coco.dataset $1, with the other arguments.
make_dataset() {
  options=(--splits "$SPLITS")
  option --fetch "$FETCH"
  options+=(--coco-url "$COCO_URL")
  option --negatives "$NEGATIVES"
  option --masks "$MASKS"
  option --preview "$PREVIEW"
  option --connections "$CONNECTIONS"
  become coco.dataset "$@" "${options[@]}" --home "$TODUS_HOME"
}
