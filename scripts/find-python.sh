#!/usr/bin/env bash
# Print the path of the Python to set up with: PYTHON, or else the newest supported one on PATH that really runs.
# Version managers put names on PATH that fail when called; those are passed over.
source "$(dirname "${BASH_SOURCE[0]}")/util.sh"

readonly SUPPORTED="3.13 3.12 3.11 3.10"
readonly NEEDS="needs Python 3.10 to 3.13"

# Print "3.12 yes /path/of/it": version, whether it can make environments, and itself. Where it runs inside an
# environment, the interpreter below is meant: the environment may be the one that is about to be replaced.
probe() {
  "$1" - 2>/dev/null <<'END'
import sys
try:
    import ensurepip, venv
    able = "yes"
except ImportError:
    able = "no"
version = "%d.%d" % sys.version_info[:2]
path = sys.executable
if sys.prefix != getattr(sys, "base_prefix", sys.prefix):
    path = "%s/bin/python%s" % (sys.base_prefix, version)
print("%s %s %s" % (version, able, path))
END
}

if [[ -n ${PYTHON:-} ]]; then
  read -r version able path < <(probe "$PYTHON") || fail "PYTHON=$PYTHON: found nothing that runs; $NEEDS; give the path of one"
  [[ " $SUPPORTED " == *" $version "* ]] ||
    fail "PYTHON=$PYTHON: found Python $version; $NEEDS; give the path of one, or leave PYTHON away"
  [[ $able == yes ]] ||
    fail "PYTHON=$PYTHON: found Python $version without venv; $NEEDS with venv; install the package python$version-venv"
  printf '%s\n' "$path"
  exit
fi

found=""
incapable=""
best=""
for name in python3.13 python3.12 python3.11 python3.10 python3 python; do
  while IFS= read -r candidate; do
    read -r version able path < <(probe "$candidate") || continue
    found+="${found:+, }$version"
    [[ " $SUPPORTED " == *" $version "* ]] || continue
    if [[ $able == no ]]; then
      incapable="${incapable:-$version}"
    elif [[ -z $best || ${version#3.} -gt ${best#3.} ]]; then
      best="$version"
      chosen="$path"
    fi
  done < <(type -aP "$name")
done
[[ -z $best ]] || {
  printf '%s\n' "$chosen"
  exit
}
[[ -z $incapable ]] || fail "found Python $incapable without venv; $NEEDS with venv; install the package python$incapable-venv"
fail "found ${found:-no Python}; $NEEDS; install one, or name it with PYTHON="
