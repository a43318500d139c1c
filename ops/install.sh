#!/usr/bin/env bash
# Installs Sluice below a prefix, in a form that starts on a machine without the Swift toolchain (libpq5 is needed).
# usage: ops/install.sh PREFIX     DESTDIR is put before it, for packagers.
set -euo pipefail
cd "$(dirname "$0")/.."
source ops/llama-environment.sh

prefix=${1:?usage: ops/install.sh PREFIX}
target=${DESTDIR:-}$prefix

# Everything is linked differently here, so it has a build folder of its own: make build's stays as it is.
export SLUICE_STATIC=1
build=(-c release --static-swift-stdlib --scratch-path .build/install)
# Not all there is: what only tests use needs modules that the static runtime lacks.
for product in sluice MockBackend OpenAIBackend LocalBackend ExampleC; do
    ops/build.sh "${build[@]}" --product "$product"
done
products=$(swift build "${build[@]}" --show-bin-path)

install -D -m 755 "$products/sluice" "$target/bin/sluice"
for backend in "$products"/lib*.so; do
    install -D -m 644 "$backend" "$target/lib/sluice/backends/$(basename "$backend")"
done
# Beside the backends' folder, not in it: what lies there is taken for a backend. The libraries find each other ($ORIGIN).
if [ -n "${SLUICE_LLAMA:-}" ]; then
    for library in libllama.so libggml.so.0 libggml-base.so.0 libggml-cpu.so.0; do
        install -D -m 644 "$SLUICE_LLAMA/libllama/lib/$library" "$target/lib/sluice/llama/$library"
    done
fi
install -D -m 644 Sources/BackendABI/include/sluice_backend.h "$target/include/sluice_backend.h"
install -D -m 644 Plugins/backend.map "$target/share/sluice/backend.map"
install -D -m 644 ops/samples/prompts.jsonl "$target/share/sluice/samples/prompts.jsonl"
install -D -m 644 LICENSE "$target/share/doc/sluice/LICENSE"
install -D -m 644 CHANGELOG.md "$target/share/doc/sluice/CHANGELOG.md"

completion() {
    mkdir -p "$(dirname "$target/$2")"
    "$products/sluice" --generate-completion-script "$1" >"$target/$2"
}
completion bash share/bash-completion/completions/sluice
completion zsh share/zsh/site-functions/_sluice
completion fish share/fish/vendor_completions.d/sluice.fish

printf 'installed %s\n' "$target/bin/sluice"
