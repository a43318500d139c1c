#!/usr/bin/env bash
# swift build with the given arguments: progress on a terminal, one line and the errors elsewhere.
set -euo pipefail
cd "$(dirname "$0")/.."
source ops/llama-environment.sh

quiet=()
if [ ! -t 1 ]; then
    quiet=(--quiet)
    printf 'building (%s); the first time takes some 10 minutes\n' "$*"
fi
exec swift build "${quiet[@]}" "$@"
