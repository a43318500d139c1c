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

# Each end-to-end test starts a service, workers and clients: more than a few at a time only wait for each other.
export SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=${SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH:-6}

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
# A target that fails runs once more: on a busy machine a time-out can be the machine's. Both runs are in the log, and the
# summary names what passed only then.
failed=()
unsteady=()
for folder in Tests/*Tests; do
    target=$(basename "$folder")
    printf '%s\n' "$target"
    run --filter "^$target\\." && continue
    printf '%s: once more\n' "$target"
    if run --filter "^$target\\."; then unsteady+=("$target"); else failed+=("$target"); fi
done
passed=$(sed -nE 's/^✔ Test run with ([0-9]+) tests?.*/\1/p' "$log" | awk '{ n += $1 } END { print n + 0 }')
# What went wrong stands at the end, where somebody who reads only that finds it.
grep -E '^✘ Test .* recorded an issue|: Fatal error:' "$log" | cut -c1-1000 || true
[ ${#unsteady[@]} -eq 0 ] || printf 'passed only when run again: %s\n' "${unsteady[*]}"
[ ${#failed[@]} -eq 0 ] || printf 'failed: %s\n' "${failed[*]}"
printf 'tests: %s passed, in %s targets something failed\n' "$passed" "${#failed[@]}"
[ ${#failed[@]} -eq 0 ]
