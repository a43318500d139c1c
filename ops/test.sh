#!/usr/bin/env bash
# Builds and runs the tests, one test target after the other: within a target suites run side by side, but targets that
# measure memory or drive dozens of processes would disturb each other. Shows failures and the runner's summaries; the rest
# is in the log. With arguments, runs swift test once with them (--filter NAME). FLAGS go to both the build and the run.
set -euo pipefail
cd "$(dirname "$0")/.."
source ops/llama-environment.sh

# A real embedding model, for the tests that have one; without it they are left out, and say so.
if [ -n "${SLUICE_LLAMA:-}" ] && minilm=$(ops/minilm.sh); then export SLUICE_MINILM=$minilm; fi

# Clients other people wrote, to try the gateway with.
SLUICE_CLIENTS=$(ops/clients.sh)
export SLUICE_CLIENTS

log=.build/test.log
read -ra flags <<<"${FLAGS:-}"
ops/build.sh --build-tests "${flags[@]}"
printf 'testing; everything the runner says is in %s\n' "$log"
: >"$log"

# What starts and passes is for the log only.
run() {
    swift test --skip-build --disable-xctest "${flags[@]}" "$@" 2>&1 | tee -a "$log" |
        { grep -E '^(✘|✔ Test run|error:)|: (error|Fatal error):' || true; }
}

if [ $# -gt 0 ]; then
    run "$@"
    exit
fi
failed=()
for folder in Tests/*Tests; do
    target=$(basename "$folder")
    printf '%s\n' "$target"
    run --filter "^$target\\." || failed+=("$target")
done
passed=$(grep -cE '^✔ Test [^r]' "$log" || true)
broken=$(grep -cE '^✘ Test [^r].* failed after' "$log" || true)
[ ${#failed[@]} -eq 0 ] || printf 'failed: %s\n' "${failed[*]}"
printf 'tests: %s passed, %s failed\n' "$passed" "$broken"
[ ${#failed[@]} -eq 0 ]
