#!/usr/bin/env bash
# Runs the conformance checker over the backends, and the tests of their host, under AddressSanitizer and LeakSanitizer.
# Everything is built a second time, in .build-sanitize (some 15 minutes and 4 GB the first time).
#
# A backend that needs a configuration is tried when CONFIG_<its name> holds one:
#     CONFIG_OpenAIBackend='{"base_url": "http://127.0.0.1:8080/v1"}' make sanitize
set -euo pipefail
cd "$(dirname "$0")/.."

build=(--sanitize=address --scratch-path .build-sanitize)
# A finding has to look like a crash. The quarantine of freed memory would look like growth.
export ASAN_OPTIONS=abort_on_error=1:detect_leaks=1:quarantine_size_mb=1:handle_abort=0
export LSAN_OPTIONS=report_objects=1

ops/build.sh "${build[@]}" --build-tests
products=$(swift build "${build[@]}" --show-bin-path)

failed=()
check() {
    printf '\n%s %s\n' "$(basename "$1")" "$2"
    "$products/sluice" backends check "$1" --config "$2" --calls 2000 || failed+=("$(basename "$1") $2")
}
for backend in "$products"/lib*.so; do
    name=$(basename "$backend" .so)
    variable=CONFIG_${name#lib}
    case $name in
    libMockBackend)
        check "$backend" '{}'
        check "$backend" '{"latency_ms": 1}'
        ;;
    libExampleC) check "$backend" '{}' ;;
    *) if [ -n "${!variable:-}" ]; then check "$backend" "${!variable}"; else
        printf '\n%s is not tried: set %s to a configuration under which it can answer\n' "$name.so" "$variable"
    fi ;;
    esac
done

printf '\nBackendHostTests\n'
# The runner of the tests leaks a little by itself; leaks of backends are looked for above. Tests of crashes want the signal.
ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0:handle_segv=0 timeout 1200 swift test "${build[@]}" --skip-build --disable-xctest \
    --filter '^BackendHostTests\.' >.build-sanitize/test.log 2>&1 || failed+=(BackendHostTests)
grep -E '^(✘|✔ Test run|error:)|: (error|Fatal error):|AddressSanitizer' .build-sanitize/test.log || true

[ ${#failed[@]} -eq 0 ] || printf '\nfailed: %s\n' "${failed[*]}"
[ ${#failed[@]} -eq 0 ]
