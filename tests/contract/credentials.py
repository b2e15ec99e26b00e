"""Who may call the gateways of the tests, and with which keys."""

import hashlib

KEY = "pk_reader.a-secret-of-the-test"
NARROW_KEY = "pk_enroller.another-secret"
OLD_KEY = "pk_old.a-third-secret"


def hashed(key: str) -> str:
    return hashlib.sha256(key.partition(".")[2].encode()).hexdigest()


CALLERS = f"""
[[caller]]
id = "reader"
secret_sha256 = "{hashed(KEY)}"
scopes = ["scores.read", "explain.read"]

[[caller]]
id = "enroller"
secret_sha256 = "{hashed(NARROW_KEY)}"
scopes = ["roster.write", "conduct.write"]

[[caller]]
id = "old"
secret_sha256 = "{hashed(OLD_KEY)}"
scopes = ["scores.read", "explain.read"]
expires = 2026-01-01T00:00:00Z

[[caller]]
id = "batch"
certificate = "batch.example"
scopes = ["scores.read"]
"""
