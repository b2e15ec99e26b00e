"""API keys and certificates: who has which, and what they may do.

A key is `pk_<id>.<secret>`. The secret is 32 random bytes, so that its SHA-256 is enough to store: there is nothing to
guess, and a slow hash would only slow every call down. The file:

    [[caller]]
    id = "dashboard"
    secret_sha256 = "9f86d0..."                # of an API key; or
    certificate = "dashboard.example"          # a common or alternative name of a client's certificate (mTLS)
    scopes = ["scores.read"]
    expires = 2027-01-01T00:00:00Z             # optional
    calls_per_s_max = 50                       # optional
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, NamedTuple

import msgspec

from presence.events.errors import CallerError
from presence.gateway.scopes import Caller, CallerId, scopes

KEY_PREFIX = "pk_"
SECRET_BYTES = 32

_Id = Annotated[str, msgspec.Meta(pattern=r"\A[a-z0-9-]{1,40}\Z")]
_Sha256 = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """One caller of the file."""

    id: _Id
    scopes: list[str]
    secret_sha256: _Sha256 | None = None
    certificate: str | None = None
    expires: datetime | None = None
    calls_per_s_max: Annotated[float, msgspec.Meta(gt=0)] | None = None


class _File(msgspec.Struct, forbid_unknown_fields=True):
    caller: list[Entry] = msgspec.field(default_factory=list)


class ApiKey(NamedTuple):
    """A key as its holder has it, and what the file needs of it."""

    key: str
    secret_sha256: str


class Callers:
    """Everybody in the file."""

    def __init__(
        self, by_key: Mapping[str, tuple[str, Caller]], by_certificate: Mapping[str, Caller]
    ) -> None:
        self._by_key = by_key
        self._by_certificate = by_certificate

    def of_key(self, key: str) -> Caller | None:
        """Whose API key this is, expired or not; None if nobody's."""
        name, _, secret = key.removeprefix(KEY_PREFIX).partition(".")
        stored, caller = self._by_key.get(name, ("", None))
        same = hmac.compare_digest(hashlib.sha256(secret.encode()).hexdigest(), stored)
        return caller if same else None

    def of_certificate(self, names: Iterable[str]) -> Caller | None:
        """Whose verified certificate carries one of `names`; None if nobody's."""
        return next((self._by_certificate[name] for name in names if name in self._by_certificate), None)


def new_key(name: str) -> ApiKey:
    """A key for the caller of that id, drawn at random."""
    secret = secrets.token_urlsafe(SECRET_BYTES)
    return ApiKey(f"{KEY_PREFIX}{name}.{secret}", hashlib.sha256(secret.encode()).hexdigest())


def parse(content: bytes, calls_per_s_max: float) -> Callers:
    """The callers of a file. Raises CallerError if it is not as the module says."""
    by_key: dict[str, tuple[str, Caller]] = {}
    by_certificate: dict[str, Caller] = {}
    for entry in _entries(content):
        if (entry.secret_sha256 is None) == (entry.certificate is None):
            raise CallerError(f"{entry.id}: needs either secret_sha256 or certificate")
        if entry.secret_sha256 is not None:
            if entry.id in by_key:
                raise CallerError(f"{entry.id} is there twice")
            by_key[entry.id] = entry.secret_sha256, _caller(f"key:{entry.id}", entry, calls_per_s_max)
        if entry.certificate is not None:
            by_certificate[entry.certificate] = _caller(f"certificate:{entry.id}", entry, calls_per_s_max)
    return Callers(by_key, by_certificate)


def _entries(content: bytes) -> list[Entry]:
    try:
        return msgspec.toml.decode(content, type=_File).caller
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CallerError(f"no file of callers: {error}") from error


def _caller(name: str, entry: Entry, calls_per_s_max: float) -> Caller:
    if entry.expires is not None and entry.expires.tzinfo is None:
        raise CallerError(f"{entry.id}: expires needs a zone, such as 2027-01-01T00:00:00Z")
    return Caller(
        id=CallerId(name),
        scopes=scopes(entry.scopes),
        calls_per_s_max=entry.calls_per_s_max or calls_per_s_max,
        expires_s=entry.expires.timestamp() if entry.expires else None,
    )
