#!/usr/bin/env bash
# Runs the conformance checker over the backends, and the tests of their host, under AddressSanitizer and LeakSanitizer.
# Everything is built a second time, in .build-sanitize (some 15 minutes and 4 GB the first time). The OpenAI backend asks
# ops/upstream.py, the local one runs the tiny model.
set -euo pipefail
cd "$(dirname "$0")/.."
source ops/llama-environment.sh

build=(--sanitize=address --scratch-path .build-sanitize)
# A finding has to look like a crash. The quarantine of freed memory would look like growth.
export ASAN_OPTIONS=abort_on_error=1:detect_leaks=1:quarantine_size_mb=1:handle_abort=0
export LSAN_OPTIONS=report_objects=1

ops/build.sh "${build[@]}" --build-tests
products=$(swift build "${build[@]}" --show-bin-path)

failed=()
check() {
    printf '\n%s %s\n' "$1" "$2"
    # A debug build under the sanitizer reads a body of 64 MiB in two and a half minutes.
    "$products/sluice" backends check "$products/$1" --config "$2" --calls 2000 --time-limit 300 || failed+=("$1 $2")
}
check libMockBackend.so '{}'
check libMockBackend.so '{"latency_ms": 1}'
check libExampleC.so '{}'

coproc upstream { exec python3 ops/upstream.py; }
trap 'kill "$upstream_PID"' EXIT
read -r base_url <&"${upstream[0]}"
check libOpenAIBackend.so "{\"base_url\": \"$base_url\"}"

if [ -n "${SLUICE_LLAMA:-}" ]; then
    check libLocalBackend.so "{\"model\": \"$PWD/Tests/Models/tiny/tiny-f16.gguf\", \"embeddings\": true, \"max_tokens\": 2}"
else
    printf '\nlibLocalBackend.so is not tried: libllama is not there\n'
fi

printf '\nBackendHostTests\n'
# The runner of the tests leaks a little by itself; leaks of backends are looked for above. Tests of crashes want the signal.
ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0:handle_segv=0 timeout 1200 swift test "${build[@]}" --skip-build --disable-xctest \
    --filter '^BackendHostTests\.' >.build-sanitize/test.log 2>&1 || failed+=(BackendHostTests)
grep -E '^(✘|✔ Test run|error:)|: (error|Fatal error):|AddressSanitizer' .build-sanitize/test.log || true

[ ${#failed[@]} -eq 0 ] || printf '\nfailed: %s\n' "${failed[*]}"
[ ${#failed[@]} -eq 0 ]
