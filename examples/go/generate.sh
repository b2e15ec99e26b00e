#!/usr/bin/env bash
# Writes the Go code of the protos to presencev1/. Needs Go; protoc is the one of `make setup`.
set -euo pipefail
cd "$(dirname "$0")"
export GOBIN="$PWD/.tools"
go install google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.12
go install google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.6.1
package=example.com/presence/presencev1
options=()
for name in event score service; do
  options+=("--go_opt=Mpresence/v1/$name.proto=$package" "--go-grpc_opt=Mpresence/v1/$name.proto=$package")
done
PATH="$GOBIN:$PATH" ../../.venv/bin/python -m grpc_tools.protoc -I ../../protos \
  --go_out=. --go_opt=module=example.com/presence --go-grpc_out=. --go-grpc_opt=module=example.com/presence \
  "${options[@]}" presence/v1/{event,score,service}.proto
