"""The door of every call: who calls, whether they may, and whether they call too often.

A credential is `authorization: Bearer <API key or JWT>`, else the client's certificate, else none. Health and reflection
need none: they say nothing of anybody.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

from presence.gateway import bearer, callers, refusals
from presence.gateway.fetched import Fetched
from presence.gateway.rates import Rates
from presence.gateway.reloaded import Reloaded
from presence.gateway.scopes import LOCAL, Caller, CallerId, Scope, scopes
from presence.gateway.settings import GatewaySettings
from presence.log.clock import now_ms

TOKENS_MAX = 10_000
"""Tokens whose signature need not be checked again: a check costs as much as a call."""
_BEARER = "bearer "


class Context(Protocol):
    """What the door asks of a call; a part of `grpc.aio.ServicerContext`."""

    def invocation_metadata(self) -> Any: ...

    def auth_context(self) -> Any: ...

    def peer(self) -> str: ...


class Door:
    """Knows everybody who may call, by the files of the settings."""

    def __init__(
        self, settings: GatewaySettings, *, now_s: Callable[[], float], monotonic_s: Callable[[], float]
    ) -> None:
        self._settings = settings
        self._now_s = now_s
        self._monotonic_s = monotonic_s
        self._rates = Rates()
        self._tokens: OrderedDict[str, Caller] = OrderedDict()
        self._tokens_of: object = None
        rate = settings.calls_per_s_max
        self._anonymous = scopes(
            [word.strip() for word in settings.anonymous_scopes.split(",") if word.strip()]
        )
        self._callers = (
            Reloaded(settings.callers_file, partial(callers.parse, calls_per_s_max=rate))
            if settings.callers_file
            else None
        )
        self._keys = _keys(settings)

    @classmethod
    def of(cls, settings: GatewaySettings) -> "Door":
        """A door that goes by this machine's clocks. Raises CallerError if a file of the settings cannot be used."""
        return cls(settings, now_s=lambda: now_ms() / 1000, monotonic_s=time.monotonic)

    def caller(self, context: Context) -> Caller:
        """Who is calling, after taking one call from what they may do in a second.

        Raises Refused: UNAUTHENTICATED without a credential or with one that is not valid (any more),
        RESOURCE_EXHAUSTED for one call too many.
        """
        if not self._settings.asks_who_calls:
            return LOCAL
        caller = self._known(context)
        self.check_expiry(caller)
        if caller.calls_per_s_max is not None:
            wait_s = self._rates.wait_s(caller.id, caller.calls_per_s_max, self._monotonic_s())
            if wait_s:
                raise refusals.called_too_often(caller.calls_per_s_max, wait_s)
        return caller

    def check_expiry(self, caller: Caller) -> None:
        """Raises Refused once the caller's credential is worth nothing any more."""
        if caller.expires_s is not None and self._now_s() >= caller.expires_s:
            raise refusals.credentials_expired()

    def _known(self, context: Context) -> Caller:
        given = next(
            (value for name, value in context.invocation_metadata() or () if name == "authorization"), None
        )
        if given is not None:
            if not isinstance(given, str) or given[: len(_BEARER)].lower() != _BEARER:
                raise refusals.credentials_invalid("authorization must be `Bearer` and a key or token")
            return self._of_bearer(given[len(_BEARER) :].strip())
        return self._of_certificate(context) or self._nobody(context)

    def _of_bearer(self, credential: str) -> Caller:
        if credential.startswith(callers.KEY_PREFIX):
            caller = self._callers.value().of_key(credential) if self._callers else None
            if caller is None:
                raise refusals.credentials_invalid("nobody has this API key")
            return caller
        if self._keys is None:
            raise refusals.credentials_invalid("this gateway takes no tokens")
        keys = self._keys.value()
        if keys is not self._tokens_of:  # A key that was taken away takes its tokens along.
            self._tokens.clear()
            self._tokens_of = keys
        if (known := self._tokens.get(credential)) is not None:
            return known
        if bearer.kid(credential) not in keys:
            self._keys.want()
        caller = bearer.caller(
            credential,
            keys,
            issuer=self._settings.jwt_issuer,
            audience=self._settings.jwt_audience,
            calls_per_s_max=self._settings.calls_per_s_max,
        )
        self._tokens[credential] = caller
        if len(self._tokens) > TOKENS_MAX:
            self._tokens.popitem(last=False)
        return caller

    def _of_certificate(self, context: Context) -> Caller | None:
        if self._callers is None or self._settings.client_ca_file is None:
            return None
        found = context.auth_context()
        names = (*found.get("x509_subject_alternative_name", ()), *found.get("x509_common_name", ()))
        return self._callers.value().of_certificate(name.decode(errors="replace") for name in names)

    def _nobody(self, context: Context) -> Caller:
        if not self._anonymous:
            raise refusals.credentials_missing()
        address, _, _ = context.peer().rpartition(":")
        return Caller(
            id=CallerId(f"anonymous:{address}"),
            scopes=self._anonymous,
            calls_per_s_max=self._settings.calls_per_s_max,
        )


def _keys(settings: GatewaySettings) -> Fetched[bearer.Keys] | Reloaded[bearer.Keys] | None:
    """Who signs tokens; None: nobody."""
    if settings.jwks_url:
        return Fetched(settings.jwks_url, bearer.parse, before={}, refresh_s=settings.jwks_refresh_s)
    return Reloaded(settings.jwks_file, bearer.parse) if settings.jwks_file else None


def permit(caller: Caller, scope: Scope, people: Sequence[str]) -> None:
    """Raises Refused unless the caller has `scope`, or SELF and `people` are nobody but the caller."""
    if scope in caller.scopes:
        return
    own = Scope.SELF in caller.scopes and caller.person is not None
    if own and people and all(person == caller.person for person in people):
        return
    raise refusals.scope_missing(scope.value)
