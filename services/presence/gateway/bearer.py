"""Bearer tokens: JWTs signed by a key of the JWKS file (RFC 7519, RFC 8725), with scopes as RFC 8693 writes them."""

import hashlib
import re
from collections.abc import Mapping
from typing import Any

import jwt

from presence.events.errors import CallerError
from presence.events.vocabulary import PersonId
from presence.gateway.refusals import credentials_expired, credentials_invalid
from presence.gateway.scopes import Caller, CallerId, Scope

ALGORITHMS = frozenset({"RS256", "PS256", "ES256", "ES384", "EdDSA"})
"""Asymmetric only: with a shared secret, whoever checks tokens could also make them."""
REQUIRED = ("exp", "iss", "aud", "sub")
TOKEN_CHARS_MAX = 8_192
LEEWAY_S = 5
_PERSON = re.compile(r"p_[a-z2-7]{26}")


Keys = Mapping[str, jwt.PyJWK]


def parse(content: bytes) -> Keys:
    """Public keys by their `kid`. Raises CallerError if there is none that may sign tokens."""
    try:
        found = jwt.PyJWKSet.from_json(content.decode()).keys
    except (jwt.PyJWTError, ValueError, AttributeError) as error:
        raise CallerError(f"no JWKS: {error}") from error
    keys = {key.key_id: key for key in found if key.key_id and key.algorithm_name in ALGORITHMS}
    if not keys:
        raise CallerError(f"no key with a kid and one of the algorithms {', '.join(sorted(ALGORITHMS))}")
    return keys


def caller(token: str, keys: Keys, *, issuer: str, audience: str, calls_per_s_max: float) -> Caller:
    """Who the token says is calling. Raises Refused if it is expired, not for us, or not signed by `keys`."""
    if len(token) > TOKEN_CHARS_MAX:
        raise credentials_invalid("the token is too long")
    try:
        key = keys.get(kid(token))
        if key is None:
            raise credentials_invalid("no key of that kid signs tokens here")
        claims = jwt.decode(
            token,
            key,
            algorithms=[key.algorithm_name],
            issuer=issuer,
            audience=audience,
            leeway=LEEWAY_S,
            options={"require": list(REQUIRED)},
        )
    except jwt.ExpiredSignatureError as error:
        raise credentials_expired() from error
    except jwt.PyJWTError as error:
        raise credentials_invalid(f"the token is not valid: {type(error).__name__}") from error
    return _caller(claims, calls_per_s_max)


def kid(token: str) -> str:
    """Which key a token names; empty if it names none, or is no token."""
    if len(token) > TOKEN_CHARS_MAX:
        return ""
    try:
        return str(jwt.get_unverified_header(token).get("kid", ""))
    except jwt.PyJWTError:
        return ""


def _caller(claims: dict[str, Any], calls_per_s_max: float) -> Caller:
    subject = claims["sub"]
    named = str(claims.get("scope", "")).split()
    granted = frozenset(scope for scope in Scope if scope.value in named)
    # A subject may be a name or an address: limits and the audit log need only tell it from others.
    digest = hashlib.sha256(f"{claims['iss']} {subject}".encode()).hexdigest()[:16]
    return Caller(
        id=CallerId(f"token:{digest}"),
        scopes=granted,
        calls_per_s_max=calls_per_s_max,
        person=PersonId(subject) if _PERSON.fullmatch(subject) else None,
        expires_s=float(claims["exp"]) + LEEWAY_S,
    )
