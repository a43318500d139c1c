#!/usr/bin/env bash
# Installs the published schemas of Kubernetes and KEDA that ops/kubernetes is checked against, once, into a folder of their
# own below ${SLUICE_CACHE:-~/.cache/sluice}; prints the folder.
set -euo pipefail

packages=(kubernetes-validate==1.37.0 cloudcoil.models.keda==2.16.1.0)
folder=${SLUICE_CACHE:-$HOME/.cache/sluice}/schemas-$(printf '%s\n' "${packages[@]}" | sha256sum | cut -c1-12)
mkdir -p "$(dirname "$folder")"
exec 9>"$folder.lock"
flock 9
if [ ! -e "$folder/.complete" ]; then
    rm -rf "$folder"
    printf 'installing %s\n' "${packages[*]}" >&2
    python3 -m venv "$folder"
    "$folder/bin/pip" install --quiet --no-input --disable-pip-version-check "${packages[@]}" >&2
    touch "$folder/.complete"
fi
printf '%s\n' "$folder"
