#!/usr/bin/env bash
# Installs the published schemas of Kubernetes and KEDA that ops/kubernetes is checked against; prints their folder.
set -euo pipefail
exec "$(dirname "$0")/python-packages.sh" schemas kubernetes-validate==1.37.0 cloudcoil.models.keda==2.16.1.0
