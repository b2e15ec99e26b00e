"""Who really sent it: HMAC-SHA-256 over the raw body, compared in constant time; and how old it may be.

A secret's text may have several lines, each a secret: so that it can be changed while the old one is still in use.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence

from presence.events.errors import CallerError
from presence.ingest.webhooks.hook import Posted, Refused

WINDOW_MS = 300_000
"""How far the clock of a signed timestamp may be from ours. Source: Standard Webhooks, "Verifying webhook authenticity"."""

STAMP_DIGITS_MAX = 15


def secrets_of(text: str) -> tuple[bytes, ...]:
    """The secrets of a setting, one a line. Raises CallerError if there is none."""
    found = tuple(line.strip().encode() for line in text.splitlines() if line.strip())
    if not found:
        raise CallerError("a webhook's secret is empty")
    return found


def verify_hex(secrets: Sequence[bytes], body: bytes, signature: str, prefix: str = "sha256=") -> None:
    """`signature` has to be `prefix` and the HMAC in hexadecimal. Raises Refused with 401.

    Source: https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries; Meta's is the same.
    """
    _require(any(same(f"{prefix}{hex_hmac(each, body)}", signature) for each in secrets))


def verify_base64(secrets: Sequence[bytes], body: bytes, signature: str) -> None:
    """`signature` has to be `sha256=` and the HMAC in base64. Raises Refused with 401.

    Source: https://docs.x.com/x-api/webhooks/introduction.
    """
    _require(any(same(f"sha256={base64_hmac(each, body)}", signature) for each in secrets))


def standard_keys(text: str) -> tuple[bytes, ...]:
    """The keys of a setting as Standard Webhooks writes them, one a line: `whsec_` and base64. Raises CallerError."""
    try:
        return tuple(
            base64.b64decode(each.removeprefix(b"whsec_"), validate=True) for each in secrets_of(text)
        )
    except binascii.Error as error:
        raise CallerError("a secret of Standard Webhooks is whsec_ and base64 after it") from error


def verify_standard(keys: Sequence[bytes], posted: Posted, at_ms: int) -> None:
    """The three headers of Standard Webhooks. Raises Refused with 401: a wrong signature, or one that is too old.

    Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
    """
    name, stamp, given = (
        _header(posted.headers, f"webhook-{each}") for each in ("id", "timestamp", "signature")
    )
    _require(stamp.isascii() and stamp.isdigit() and len(stamp) <= STAMP_DIGITS_MAX)
    signed = b".".join((name.encode(), stamp.encode(), posted.body))
    macs = [f"v1,{base64_hmac(each, signed)}" for each in keys]
    _require(any(same(mac, one) for mac in macs for one in given.split(" ")))
    if abs(at_ms - int(stamp) * 1000) > WINDOW_MS:
        raise Refused(401, "the timestamp is too far from now")


def hex_hmac(secret: bytes, signed: bytes) -> str:
    """HMAC-SHA-256 in hexadecimal."""
    return _mac(secret, signed).hex()


def base64_hmac(secret: bytes, signed: bytes) -> str:
    """HMAC-SHA-256 in base64."""
    return base64.b64encode(_mac(secret, signed)).decode()


def same(one: str, other: str) -> bool:
    """Whether two texts are equal, in a time that tells nothing of where they differ."""
    # Encoded, since compare_digest takes no text beyond ASCII, and a header may hold any.
    return hmac.compare_digest(one.encode(), other.encode(errors="surrogateescape"))


def _mac(secret: bytes, signed: bytes) -> bytes:
    return hmac.digest(secret, signed, hashlib.sha256)


def _header(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(name, "")
    _require(bool(value))
    return value


def _require(holds: bool) -> None:
    if not holds:
        raise Refused(401, "the signature is missing or wrong")
