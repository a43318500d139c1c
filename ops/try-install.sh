#!/usr/bin/env bash
# Tries what `make install` installs on a machine that has no Swift: a minimal Debian 12 below .build/root (made once, with
# debootstrap), with the packages README.md names and nothing else. Runs as root: it changes its root folder.
set -euo pipefail
cd "$(dirname "$0")/.."

root=${ROOT:-$PWD/.build/root}
packages=(libpq5 postgresql)

say() { printf '%s\n' "$*"; }

if [ "$(id -u)" -ne 0 ]; then
    say "try-install: run it as root (it changes its root folder)" >&2
    exit 1
fi
if [ ! -e "$root/.sluice-complete" ]; then
    command -v debootstrap >/dev/null || { say "try-install: apt-get install debootstrap first" >&2; exit 1; }
    say "making a minimal Debian 12 in $root"
    rm -rf -- "$root"
    mkdir -p "$root"
    debootstrap --variant=minbase bookworm "$root" "${MIRROR:-http://deb.debian.org/debian}" >"$root.log" 2>&1 ||
        { tail -n 20 "$root.log" >&2; exit 1; }
    # No server of the package's own, and none started: Sluice makes its own.
    printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
    chmod 755 "$root/usr/sbin/policy-rc.d"
    mkdir -p "$root/etc/postgresql-common/createcluster.d"
    echo 'create_main_cluster = false' >"$root/etc/postgresql-common/createcluster.d/none.conf"
    chroot "$root" env -u TMPDIR DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "${packages[@]}" \
        >>"$root.log" 2>&1 || { tail -n 20 "$root.log" >&2; exit 1; }
    touch "$root/.sluice-complete"
fi

rm -rf -- "$root/opt/sluice" "$root/tmp/trial"
DESTDIR=$root ops/install.sh /opt/sluice
du -h "$root"/opt/sluice/bin/* "$root"/opt/sluice/lib/sluice/backends/*

# Namespaces of its own: what it mounts and starts ends with it.
unshare --mount --pid --fork --kill-child bash -c '
    mount -t proc proc "$0/proc"
    mkdir -p "$0/dev/shm"
    mount -t tmpfs tmpfs "$0/dev/shm"
    exec chroot "$0" /bin/bash -s' "$root" <<'TRIAL'
set -euo pipefail
export PATH=/opt/sluice/bin:/usr/bin:/bin HOME=/root TMPDIR=/tmp LC_ALL=C.UTF-8
if command -v swift; then echo "Swift is here: this tries nothing" >&2; exit 1; fi
mkdir -m 755 /tmp/trial
cd /tmp/trial
sluice --version
for backend in /opt/sluice/lib/sluice/backends/*.so; do sluice backends inspect "$backend" >/dev/null; done
mkfifo up.out
sluice up --port 0 --data data --json >up.out 2>up.log &
up=$!
read -r line <up.out || { tail up.log >&2; exit 1; }
export SLUICE_DATA=$PWD/data
sluice submit --model demo --prompt 'Why is the sky blue?' --wait
sluice batch submit /opt/sluice/share/sluice/samples/prompts.jsonl --wait --output answers.jsonl --quiet
sent=$(wc -l </opt/sluice/share/sluice/samples/prompts.jsonl)
[ "$(wc -l <answers.jsonl)" -eq "$sent" ] || { echo "answers are missing" >&2; exit 1; }
sluice doctor
kill -INT "$up"
wait "$up"
echo "installed, started, answered $sent prompts, and stopped, without Swift"
TRIAL
