#!/usr/bin/env bash
# Builds and runs the tests. Shows failures and the runner's summary; the rest is in the log.
# Arguments go to swift test (--filter NAME), FLAGS to both the build and the run.
set -euo pipefail
cd "$(dirname "$0")/.."

log=.build/test.log
read -ra flags <<<"${FLAGS:-}"
ops/build.sh --build-tests "${flags[@]}"
printf 'testing; everything the runner says is in %s\n' "$log"
status=0
# A line for each test that starts or passes is for the log only.
swift test --skip-build --disable-xctest "${flags[@]}" "$@" 2>&1 | tee "$log" |
    { grep -vE '^(◇|✔ (Test|Suite) ("|[^r])|\[[0-9]+/[0-9]+\]|Building for|Build complete)' || true; } || status=$?
exit "$status"
