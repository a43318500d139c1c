#!/usr/bin/env bash
# Installs what building and running Sluice needs and this machine lacks. Does nothing, quickly, when all is there.
set -euo pipefail

say() { printf '%s\n' "$*" >&2; }

server_is_there() {
    local program version
    for program in "$(command -v postgres || true)" "$(pg_config --bindir 2>/dev/null || true)/postgres" \
        /usr/lib/postgresql/*/bin/postgres; do
        [ -x "$program" ] || continue
        version=$("$program" --version | sed -E 's/[^0-9]*([0-9]+).*/\1/')
        [ "$version" -ge 15 ] && return 0
    done
    return 1
}

if ! command -v swift >/dev/null; then
    say "setup: Swift 6.3 or newer is needed and is not in PATH: see https://www.swift.org/install/linux"
    exit 1
fi

missing=()
command -v pkg-config >/dev/null || missing+=(pkg-config)
if ! command -v pkg-config >/dev/null || ! pkg-config --exists libpq; then missing+=(libpq-dev); fi
server_is_there || missing+=(postgresql)
command -v psql >/dev/null || missing+=(postgresql-client)
# What the articles tell people to type, which a test does.
command -v curl >/dev/null || missing+=(curl)
command -v jq >/dev/null || missing+=(jq)
# For the clients the gateway is tried with, the schemas Kubernetes files are checked against, and the tools libllama is built
# with.
python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
# To build libllama with; nothing else needs it.
if [ -z "${SLUICE_WITHOUT_LLAMA:-}" ]; then
    command -v g++ >/dev/null || missing+=(g++)
fi
[ ${#missing[@]} -eq 0 ] && exit 0

if ! command -v apt-get >/dev/null; then
    say "setup: missing ${missing[*]} (Debian's names), and this is no Debian: install PostgreSQL 15 or newer (server," \
        "psql, libpq with headers) and pkg-config with the system's own package manager, then try again"
    exit 1
fi

root=()
if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
        root=(sudo)
    else
        say "setup: missing ${missing[*]}; run once as root: apt-get install ${missing[*]}"
        exit 1
    fi
fi

# ${root[@]} may be empty, which is no command of its own: env runs what follows.
as_root() { "${root[@]}" env DEBIAN_FRONTEND=noninteractive "$@"; }

log=$(mktemp)
trap 'rm -f "$log"' EXIT
quietly() {
    if ! as_root "$@" >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        say "setup: failed: $*"
        exit 1
    fi
}

say "setup: installing ${missing[*]}"
quietly apt-get update -q
if [[ " ${missing[*]} " == *" postgresql "* ]]; then
    # Sluice makes its own servers: do not let the package create and start one.
    quietly apt-get install -qy --no-install-recommends postgresql-common
    quietly sed -i -E 's/^#?create_main_cluster.*/create_main_cluster = false/' \
        /etc/postgresql-common/createcluster.conf
fi
quietly apt-get install -qy --no-install-recommends "${missing[@]}"
