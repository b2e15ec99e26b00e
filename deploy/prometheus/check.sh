#!/usr/bin/env bash
# Check the configuration, the rules and the alerts' tests with promtool, which Debian's package `prometheus` has. Where it is missing
# this says so and passes, but in CI it must be there.
set -euo pipefail
cd "$(dirname "$0")"
if ! command -v promtool > /dev/null; then
    echo "promtool is missing, so Prometheus' rules were not checked: apt-get install prometheus" >&2
    [ "${CI:-}" != true ]
    exit
fi
promtool check rules rules/*.yml > /dev/null
promtool check config --syntax-only prometheus.yml > /dev/null
promtool test rules tests/*.yml > /dev/null
