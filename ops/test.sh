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

# The published schemas of Kubernetes and KEDA, to check ops/kubernetes against.
SLUICE_SCHEMAS=$(ops/schemas.sh)
export SLUICE_SCHEMAS

# Each end-to-end test starts a service, workers and clients: more than a few at a time only wait for each other.
export SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=${SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH:-6}

log=.build/test.log
read -ra flags <<<"${FLAGS:-}"
ops/build.sh --build-tests "${flags[@]}"
printf 'testing; everything the runner says is in %s\n' "$log"
: >"$log"

# What starts and passes is for the log only. A target has TARGET_SECONDS, several times what the slowest takes: a test that
# hangs fails by name, it does not use up the time of whoever waits for all of them. The output goes to a file and not into
# a pipe, which a process that a test left behind would hold open.
run() {
    local status=0 part=.build/test.part.log
    timeout --kill-after=10 "${TARGET_SECONDS:-1500}" \
        swift test --skip-build --disable-xctest "${flags[@]}" "$@" >"$part" 2>&1 </dev/null || status=$?
    if [ "$status" -eq 124 ] || [ "$status" -eq 137 ]; then
        { printf '✘ no end within %s s; started and not ended:\n' "${TARGET_SECONDS:-1500}" && unended <"$part"; } >"$part.end"
        cat "$part.end" >>"$part"
    fi
    cat "$part" >>"$log"
    grep -E '^(✘|✔ Test run|error:)|: (error|Fatal error):' "$part" || true
    return "$status"
}

# The tests of a log on standard input that started and did not end.
unended() {
    sed -nE 's/^◇ Test (".*") started\.$/+\1/p; s/^(✔|✘) Test (".*") (with [0-9]+ test cases? )?(passed|failed) after .*/-\2/p' |
        awk '/^\+/ { open[substr($0, 2)] = 1 } /^-/ { delete open[substr($0, 2)] } END { for (name in open) print "✘ " name }'
}

if [ $# -gt 0 ]; then
    run "$@"
    exit
fi
# The suites of a target that fail run once more: on a busy machine a time-out can be the machine's. Both runs are in the log,
# and the summary names what passed only then. A run without an end of its own runs again as a whole.
failed=()
unsteady=()
for folder in Tests/*Tests; do
    target=$(basename "$folder")
    printf '%s %s\n' "$(date +%T)" "$target"
    run --filter "^$target\\." && continue
    suites=
    if grep -q '^✘ Test run with' .build/test.part.log; then
        suites=$(sed -nE 's/^✘ Suite ([A-Za-z0-9]+) failed after .*/\1/p' .build/test.part.log | sort -u | paste -sd'|')
    fi
    printf '%s: once more%s\n' "$target" "${suites:+: $suites}"
    if run --filter "^$target\\.${suites:+($suites)(/|\$)}"; then
        unsteady+=("$target${suites:+ ($suites)}")
    else
        failed+=("$target${suites:+ ($suites)}")
    fi
done
passed=$(sed -nE 's/^✔ Test run with ([0-9]+) tests?.*/\1/p' "$log" | awk '{ n += $1 } END { print n + 0 }')
# What went wrong stands at the end, where somebody who reads only that finds it.
grep -E '^✘ (Test .* recorded an issue|no end|")|: Fatal error:' "$log" | cut -c1-1000 || true
[ ${#unsteady[@]} -eq 0 ] || printf 'passed only when run again: %s\n' "${unsteady[*]}"
[ ${#failed[@]} -eq 0 ] || printf 'failed: %s\n' "${failed[*]}"
printf '%s tests: %s passed, in %s targets something failed\n' "$(date +%T)" "$passed" "${#failed[@]}"
[ ${#failed[@]} -eq 0 ]
