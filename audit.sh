#!/usr/bin/env bash
# Looks for known vulnerabilities in every package of uv.lock. Where the advisory service (OSV) is out of reach it says
# so and lets lint go on: an audit that could not be made is no fault of the change. AUDIT=required makes it one.
set -euo pipefail
cd "$(dirname "$0")"
if ! .venv/bin/python - <<'PYTHON'
import urllib.request
try:
    urllib.request.urlopen("https://api.osv.dev/", timeout=5)
except urllib.error.HTTPError:
    pass  # It answers.
except OSError as error:
    raise SystemExit(f"audit.sh: SKIPPED: https://api.osv.dev cannot be reached ({error}); no package was audited")
PYTHON
then
  [ "${AUDIT:-}" != required ]
  exit
fi
locked="$(mktemp)"
trap 'rm -f "$locked"' EXIT
.tools/bin/uv export --frozen --quiet --all-extras --no-emit-project --no-hashes --output-file "$locked"
.venv/bin/pip-audit --vulnerability-service osv --disable-pip --no-deps --progress-spinner off --requirement "$locked"
