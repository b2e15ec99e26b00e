"""Every way in which the gateway says no, as google.rpc.Status (AIP-193): a code, a reason, and what to do.

A reason is UPPER_SNAKE_CASE and part of the API, as the code is; the message is for people and may change.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

import grpc
from google.protobuf import any_pb2
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from presence.events.errors import CallerError
from presence.events.vocabulary import PersonId

DOMAIN = "presence.v1"
STATUS_TRAILER = "grpc-status-details-bin"
RETRY_S = 1.0
VIOLATIONS_MAX = 20
"""More would not help the reader, and a refusal should stay small."""


class Violation(NamedTuple):
    """One field of the request that is wrong: its path, such as `people[3]`, and what it should be."""

    field: str
    description: str


class Refused(CallerError):
    """The answer of a call that gets none."""

    def __init__(
        self,
        code: grpc.StatusCode,
        reason: str,
        message: str,
        *,
        metadata: Mapping[str, str] | None = None,
        violations: Sequence[Violation] = (),
        retry_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.metadata = dict(metadata or {})
        self.violations = violations[:VIOLATIONS_MAX]
        self.retry_s = retry_s

    def status(self, request_id: str = "") -> bytes:
        """The serialised google.rpc.Status."""
        details: list[Message] = [
            error_details_pb2.ErrorInfo(reason=self.reason, domain=DOMAIN, metadata=self.metadata)
        ]
        if self.violations:
            violations = [
                error_details_pb2.BadRequest.FieldViolation(field=field, description=description)
                for field, description in self.violations
            ]
            details.append(error_details_pb2.BadRequest(field_violations=violations))
        if self.retry_s is not None:
            delay = Duration()
            delay.FromMilliseconds(math.ceil(1000 * self.retry_s))
            details.append(error_details_pb2.RetryInfo(retry_delay=delay))
        if request_id:
            details.append(error_details_pb2.RequestInfo(request_id=request_id))
        packed = [any_pb2.Any() for _ in details]
        for envelope, detail in zip(packed, details, strict=True):
            envelope.Pack(detail)
        number: int = self.code.value[0]
        status: bytes = status_pb2.Status(code=number, message=str(self), details=packed).SerializeToString()
        return status


async def abort(context: grpc.aio.ServicerContext[Any, Any], refused: Refused, request_id: str) -> NoReturn:
    """End the call with the refusal and its details."""
    await context.abort(refused.code, str(refused), ((STATUS_TRAILER, refused.status(request_id)),))


def malformed(violations: Sequence[Violation]) -> Refused:
    field, description = violations[0]
    return Refused(
        grpc.StatusCode.INVALID_ARGUMENT,
        "REQUEST_MALFORMED",
        f"{field}: {description}",
        violations=violations,
    )


def person_unknown(person: PersonId) -> Refused:
    return Refused(
        grpc.StatusCode.NOT_FOUND,
        "PERSON_UNKNOWN",
        f"{person} has no score: not enrolled, nothing seen yet, or erased",
        metadata={"person": person},
    )


def day_unknown(person: PersonId, day: str) -> Refused:
    return Refused(
        grpc.StatusCode.NOT_FOUND,
        "DAY_UNKNOWN",
        f"{person} had no closing score on {day}, nor before",
        metadata={"person": person, "day": day},
    )


def revision_unknown(person: PersonId) -> Refused:
    return Refused(
        grpc.StatusCode.NOT_FOUND,
        "REVISION_UNKNOWN",
        f"no score of {person} with that revision is kept (any more): every one is for a day, the closing ones"
        " for 400; ask since a day",
        metadata={"person": person},
    )


def links_sealed(why: str) -> Refused:
    return Refused(grpc.StatusCode.FAILED_PRECONDITION, "LINKS_SEALED", f"links cannot be unsealed: {why}")


def finding_unknown(person: PersonId, finding: str) -> Refused:
    return Refused(
        grpc.StatusCode.NOT_FOUND,
        "FINDING_UNKNOWN",
        f"{person} has no finding {finding}",
        metadata={"person": person, "finding": finding},
    )


def finding_withdrawn(finding: str) -> Refused:
    return Refused(
        grpc.StatusCode.FAILED_PRECONDITION,
        "FINDING_WITHDRAWN",
        f"the finding {finding} is withdrawn: there is nothing to appeal any more",
        metadata={"finding": finding},
    )


def notes_sealed() -> Refused:
    return Refused(
        grpc.StatusCode.FAILED_PRECONDITION,
        "NOTES_SEALED",
        "this gateway has no master key, or the roster no key of this person: decisions cannot be sealed",
    )


def gateway_busy() -> Refused:
    return Refused(
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "GATEWAY_BUSY",
        "too many calls that take long are waiting: try again in a moment",
        retry_s=RETRY_S,
    )


def log_unreadable() -> Refused:
    return Refused(
        grpc.StatusCode.UNAVAILABLE,
        "LOG_UNAVAILABLE",
        "the log cannot be read now: try again in a moment",
        retry_s=RETRY_S,
    )


def no_owner() -> Refused:
    return Refused(
        grpc.StatusCode.UNAVAILABLE,
        "NO_OWNER",
        "no scoring worker answers for this person now, so that their state is not known: try again in a moment",
        retry_s=RETRY_S,
    )


def model_unknown(name: str) -> Refused:
    return Refused(
        grpc.StatusCode.FAILED_PRECONDITION,
        "MODEL_UNKNOWN",
        f"the score was made by a model that this gateway does not have: {name}",
        metadata={"model": name},
    )


def resume_token_unknown(why: str) -> Refused:
    return Refused(
        grpc.StatusCode.OUT_OF_RANGE,
        "RESUME_TOKEN_UNKNOWN",
        f"the resume token is {why}: watch again without it",
    )


def revision_not_reached() -> Refused:
    return Refused(
        grpc.StatusCode.UNAVAILABLE,
        "REVISION_NOT_REACHED",
        "this gateway has not seen that revision yet: try again, or without min_revision",
        retry_s=RETRY_S,
    )


def resume_token_compacted() -> Refused:
    return Refused(
        grpc.StatusCode.OUT_OF_RANGE,
        "RESUME_TOKEN_COMPACTED",
        "who was erased since that token is no longer known: forget every score, and watch again without it",
    )


def watcher_too_slow(stall_s: float) -> Refused:
    return Refused(
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "WATCHER_TOO_SLOW",
        f"nothing was read for {stall_s:g} seconds: go on with the last resume token",
    )


def catching_up() -> Refused:
    return Refused(
        grpc.StatusCode.UNAVAILABLE,
        "CATCHING_UP",
        "the gateway has not read the scores up to their end yet: try again when its health is SERVING",
    )


def stopping() -> Refused:
    return Refused(
        grpc.StatusCode.UNAVAILABLE,
        "GATEWAY_STOPPING",
        "the gateway is stopping: go on elsewhere, or here in a moment, with the last resume token",
    )


def too_many_watchers(watchers_max: int) -> Refused:
    return Refused(
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "TOO_MANY_WATCHERS",
        f"this gateway serves {watchers_max} watchers at most: try again later",
        metadata={"watchers_max": str(watchers_max)},
    )


def answer_too_large(bytes_max: int) -> Refused:
    return Refused(
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "ANSWER_TOO_LARGE",
        f"the scores together take more than {bytes_max} bytes: ask for fewer people at once",
        metadata={"bytes_max": str(bytes_max)},
    )


def credentials_missing() -> Refused:
    return Refused(
        grpc.StatusCode.UNAUTHENTICATED,
        "CREDENTIALS_MISSING",
        "say who calls: `authorization: Bearer` and an API key or token",
    )


def credentials_invalid(why: str) -> Refused:
    return Refused(grpc.StatusCode.UNAUTHENTICATED, "CREDENTIALS_INVALID", why)


def credentials_expired() -> Refused:
    return Refused(
        grpc.StatusCode.UNAUTHENTICATED, "CREDENTIALS_EXPIRED", "the key or token has expired: get a new one"
    )


def scope_missing(scope: str) -> Refused:
    return Refused(
        grpc.StatusCode.PERMISSION_DENIED,
        "SCOPE_MISSING",
        f"this needs the scope {scope}",
        metadata={"scope": scope},
    )


def called_too_often(calls_per_s_max: float, retry_s: float) -> Refused:
    return Refused(
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "CALLED_TOO_OFTEN",
        f"more than {calls_per_s_max:g} calls per second",
        metadata={"calls_per_s_max": f"{calls_per_s_max:g}"},
        retry_s=retry_s,
    )


def not_enrolled(person: PersonId) -> Refused:
    return Refused(
        grpc.StatusCode.NOT_FOUND,
        "PERSON_UNKNOWN",
        f"nobody is enrolled as {person}",
        metadata={"person": person},
    )


def account_taken(network: str) -> Refused:
    return Refused(
        grpc.StatusCode.ALREADY_EXISTS,
        "ACCOUNT_TAKEN",
        f"that {network} account is somebody's already",
        metadata={"network": network},
    )


def account_unknown(network: str) -> Refused:
    return Refused(
        grpc.StatusCode.NOT_FOUND,
        "ACCOUNT_UNKNOWN",
        f"that {network} account is not linked to this person",
        metadata={"network": network},
    )


def not_proved(why: str, code: str) -> Refused:
    return Refused(grpc.StatusCode.FAILED_PRECONDITION, "NOT_PROVED", why, metadata={"code": code})


def roster_closed() -> Refused:
    return Refused(
        grpc.StatusCode.FAILED_PRECONDITION,
        "ROSTER_CLOSED",
        "this gateway has no master key, without which nobody can be enrolled or read",
    )


def log_unavailable() -> Refused:
    return Refused(
        grpc.StatusCode.UNAVAILABLE,
        "LOG_UNAVAILABLE",
        "the log did not acknowledge; what was asked may or may not have been done: ask again",
        retry_s=RETRY_S,
    )


def internal() -> Refused:
    return Refused(
        grpc.StatusCode.INTERNAL, "INTERNAL", "the gateway failed; its log says how, by the id of the request"
    )
