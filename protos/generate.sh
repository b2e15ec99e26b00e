#!/usr/bin/env bash
# Writes the Python code and type stubs of protos/ to services/presence/v1 (or to $1).
set -euo pipefail
cd "$(dirname "$0")"
out="${1:-../services}"
bin="$(cd .. && pwd)/.venv/bin"
PATH="$bin:$PATH" "$bin/python" -m grpc_tools.protoc -I . --python_out="$out" --mypy_out="quiet:$out" \
  presence/v1/*.proto
PATH="$bin:$PATH" "$bin/python" -m grpc_tools.protoc -I . --grpc_python_out="$out" --mypy_grpc_out="quiet:$out" \
  presence/v1/*service.proto
touch "$out/presence/v1/__init__.py"
