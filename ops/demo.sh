#!/usr/bin/env bash
# The demonstration: a batch of real prompts through the queue, with a worker killed on the way, then questions to a model.
set -euo pipefail
cd "$(dirname "$0")/.."
source ops/llama-environment.sh

model=()
[ -z "${SLUICE_LLAMA:-}" ] || model=(--model Tests/Models/tiny/tiny-f16.gguf)
exec .build/release/sluice demo "${model[@]}" "$@"
