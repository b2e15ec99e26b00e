#!/usr/bin/env bash
# Check the configuration and the rules with promtool, which Debian's package `prometheus` has. Where it is missing this says so and
# passes, but in CI it must be there. The alerts are tried by tests/unit/deploy/test_prometheus.py, which takes longer.
set -euo pipefail
cd "$(dirname "$0")"
if ! command -v promtool > /dev/null; then
    echo "promtool is missing, so Prometheus' rules were not checked: apt-get install prometheus" >&2
    [ "${CI:-}" != true ]
    exit
fi
promtool check rules rules/*.yml > /dev/null
promtool check config --syntax-only prometheus.yml > /dev/null
