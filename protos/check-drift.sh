#!/usr/bin/env bash
# Fails if services/presence/v1 is not what protos/ generates.
set -euo pipefail
cd "$(dirname "$0")"
fresh="$(mktemp -d)"
trap 'rm -rf "$fresh"' EXIT
./generate.sh "$fresh"
if ! diff -r --exclude=__pycache__ "$fresh/presence/v1" ../services/presence/v1; then
  echo "services/presence/v1 has drifted from protos/: run 'make protos' and commit" >&2
  exit 1
fi
