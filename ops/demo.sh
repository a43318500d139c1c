#!/usr/bin/env bash
# The demonstration: a batch of real prompts through the queue, with a worker killed on the way.
set -euo pipefail
cd "$(dirname "$0")/.."

exec .build/release/sluice demo "$@"
