#!/usr/bin/env bash
# Installs the clients other people wrote that the tests run against the gateway; prints their folder.
set -euo pipefail
exec "$(dirname "$0")/python-packages.sh" clients \
    openai==1.109.1 runpod==1.12.0 schemathesis==4.32.5 standardwebhooks==1.1.0
