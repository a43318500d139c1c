#!/usr/bin/env bash
# How fast the local backend is beside plain C on the same libllama: texts of the same length with 1, 8 and 32 at once, one
# thread, the two in turn, best of ROUNDS. usage: ops/bench-local.sh [MODEL.gguf]    ROUNDS=5 TOKENS=256
set -euo pipefail
cd "$(dirname "$0")/.."

model=$(realpath "${1:-Tests/Models/tiny/tiny-f16.gguf}")
SLUICE_LLAMA=$(ops/llama.sh)
export SLUICE_LLAMA
ops/build.sh -c release --product LocalBackend
program=.build/release/bench-local
lib=$SLUICE_LLAMA/libllama/lib
cc -O3 -o "$program" -I Sources/BackendABI/include -I "$SLUICE_LLAMA/libllama/include" ops/bench/local.c \
    -L "$lib" -Wl,-rpath,"$lib" -lllama -lggml -lggml-base -lpthread -ldl
exec "$program" .build/release/libLocalBackend.so "$model" "${ROUNDS:-5}" "${TOKENS:-256}"
