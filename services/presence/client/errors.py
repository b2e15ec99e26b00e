"""A gRPC status as an error of Presence, by who must react. The one place where `grpc.RpcError` is read.

CallerError         NotFound, InvalidArgument, ResumeTokenUnknown, TooLarge, LinksSealed: ask for something else
                    Unauthenticated, NotPermitted: show another credential
RetryLater          Busy: the same again, after a while
SourceUnavailable   Unavailable, DeadlineExceeded: the gateway is out of reach, or slow
PresenceError       CallFailed: a fault of the gateway, or a client that does not fit it
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from presence.events.errors import CallerError, PresenceError, RetryLater, SourceUnavailable

BUSY_AFTER_S = 1.0


class Violation(NamedTuple):
    """A field of the request, such as `people[3]`, and what it should be."""

    field: str
    description: str


class NotFound(CallerError):
    """Nobody of that id has a score, or had one then."""


class InvalidArgument(CallerError):
    """The request is malformed; `violations` say where."""

    def __init__(self, message: str, violations: tuple[Violation, ...]) -> None:
        super().__init__(message)
        self.violations = violations


class ResumeTokenUnknown(CallerError):
    """The token is of another deployment, or newer than the gateway: watch again without it."""


class ResumeTokenCompacted(ResumeTokenUnknown):
    """Erasures since the token are no longer known: forget every score, and watch again without it."""


class LinksSealed(CallerError):
    """This gateway cannot unseal links: it has no master key, or the person's key is gone."""


class TooLarge(CallerError):
    """The answer would be larger than a message may be: ask for fewer people."""


class Unauthenticated(CallerError):
    """The gateway asks who calls, and the token is missing, wrong or has expired."""


class NotPermitted(CallerError):
    """The token does not allow for that."""


class Busy(RetryLater):
    """The gateway has as many watchers as it serves, or we call more often than we may."""


class Unavailable(SourceUnavailable):
    """No gateway answers, or it is starting or stopping."""


class DeadlineExceeded(SourceUnavailable):
    """The gateway did not answer within the deadline."""


class CallFailed(PresenceError):
    """Anything else; `code` is the name of the gRPC status."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


_CODES = grpc.StatusCode
_BY_CODE: Mapping[grpc.StatusCode, type[PresenceError]] = MappingProxyType(
    {
        _CODES.OUT_OF_RANGE: ResumeTokenUnknown,
        _CODES.UNAUTHENTICATED: Unauthenticated,
        _CODES.PERMISSION_DENIED: NotPermitted,
        _CODES.RESOURCE_EXHAUSTED: TooLarge,
    }
)
_BY_REASON: Mapping[str, type[PresenceError]] = MappingProxyType(
    {
        "PERSON_UNKNOWN": NotFound,
        "DAY_UNKNOWN": NotFound,
        "FINDING_UNKNOWN": NotFound,
        "REVISION_UNKNOWN": NotFound,
        "LINKS_SEALED": LinksSealed,
        "RESUME_TOKEN_COMPACTED": ResumeTokenCompacted,
        "WATCHER_TOO_SLOW": Unavailable,
    }
)


def from_rpc(error: Any, address: str) -> PresenceError:
    """The error of Presence that `error`, the grpc.RpcError of a call of either kind to `address`, stands for."""
    code, message = error.code(), error.details() or ""
    reason, violations, retry_s = _details(error)
    match code, reason:
        case _CODES.INVALID_ARGUMENT, _:
            return InvalidArgument(message, violations)
        case _CODES.RESOURCE_EXHAUSTED, "TOO_MANY_WATCHERS" | "CALLED_TOO_OFTEN" | "GATEWAY_BUSY":
            return Busy(message, after_s=retry_s or BUSY_AFTER_S)
        case _CODES.UNAVAILABLE, _:
            return Unavailable(f"the gateway at {address} is not available: {message}")
        case _CODES.DEADLINE_EXCEEDED, _:
            return DeadlineExceeded(f"the gateway at {address} did not answer in time")
    known = _BY_REASON.get(reason) or _BY_CODE.get(code)
    return known(message) if known else CallFailed(f"{address} says {code.name}: {message}", code.name)


def _details(error: Any) -> tuple[str, tuple[Violation, ...], float]:
    """The reason of the ErrorInfo, the violations of the BadRequest, the seconds of the RetryInfo; empty, or 0."""
    status = rpc_status.from_call(error)
    info, bad_request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    retry = error_details_pb2.RetryInfo()
    for detail in status.details if status is not None else ():
        for known in (info, bad_request, retry):
            detail.Unpack(known)
    violations = tuple(Violation(row.field, row.description) for row in bad_request.field_violations)
    return info.reason, violations, retry.retry_delay.ToMilliseconds() / 1000
