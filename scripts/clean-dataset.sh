#!/usr/bin/env bash
# Remove the written datasets. What came from COCO stays, so they can be written again without a download.
source "$(dirname "${BASH_SOURCE[0]}")/util.sh"
set_up nothing

coco="$TODUS_HOME/dataset/mscoco"
[[ -d $coco ]] || exit 0

# The lock that todus.coco.dataset holds while it makes a dataset; it goes with the process.
lock="$coco/.lock"
exec 9>>"$lock"
if command -v flock >/dev/null && ! flock --nonblock 9; then
  printf 'todus: another run (process %s) is at work in %s; wait until it has ended\n' "$(<"$lock")" "$coco" >&2
  exit 1
fi
for name in limited complete; do
  rm -rf "$coco/${name:?}" "$coco/.$name.unfinished" "$coco/.$name.replaced" "$coco/.$name.lock"
done
rm -f "$lock"
