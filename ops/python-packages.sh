#!/usr/bin/env bash
# Installs packages of PyPI, once, into a folder of their own below ${SLUICE_CACHE:-~/.cache/sluice}; prints the folder.
# usage: ops/python-packages.sh NAME PACKAGE==VERSION...     another list of packages is another folder.
set -euo pipefail

name=${1:?usage: ops/python-packages.sh NAME PACKAGE==VERSION...}
shift
folder=${SLUICE_CACHE:-$HOME/.cache/sluice}/$name-$(printf '%s\n' "$@" | sha256sum | cut -c1-12)
mkdir -p "$(dirname "$folder")"
exec 9>"$folder.lock"
flock 9
if [ ! -e "$folder/.complete" ]; then
    rm -rf "$folder"
    printf 'installing %s\n' "$*" >&2
    python3 -m venv "$folder"
    "$folder/bin/pip" install --quiet --no-input --disable-pip-version-check "$@" >&2
    touch "$folder/.complete"
fi
printf '%s\n' "$folder"
