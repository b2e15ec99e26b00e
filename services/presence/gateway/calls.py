"""The boundary of every call: the door before it, a refusal's details after it, and our own failure without any."""

import hashlib
import re
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import grpc
import structlog
from google.protobuf.message import Message

from presence.gateway import refusals
from presence.gateway.door import Door, permit
from presence.gateway.meter import observed
from presence.gateway.refusals import Refused, abort
from presence.gateway.scopes import Caller, Scope

REQUEST_ID = "x-request-id"
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")

log = structlog.get_logger(__name__)
audit = structlog.get_logger("presence.audit")

Context = grpc.aio.ServicerContext[Any, bytes]
Send = Callable[[bytes], Awaitable[None]]


class Call(NamedTuple):
    """What an answer may need to know of its call."""

    caller: Caller
    check_expiry: Callable[[Caller], None]
    """Raises Refused once the caller's credential has expired: a stream asks again."""
    time_remaining: Callable[[], float | None]
    """Seconds to the client's deadline; None without one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """A method of the API: who may call it, whom a request is about (nobody in particular: `()`), and its answer."""

    name: str
    request: type[Message]
    scope: Scope
    people: Callable[[Any], Sequence[str]]
    unary: Callable[[Any, Call], Awaitable[bytes]] | None = None
    stream: Callable[[Any, Call, Send], Awaitable[None]] | None = None
    audited: bool = False


def handlers(
    methods: Sequence[Method], door: Door, service: str
) -> "dict[str, grpc.RpcMethodHandler[Any, Any]]":
    """By method's name; `service` is what they are methods of. Answers leave as they are: they are serialised already."""
    return {method.name: _handler(method, door, service) for method in methods}


def _handler(method: Method, door: Door, service: str) -> "grpc.RpcMethodHandler[Any, Any]":
    async def handle(request: Any, context: Context) -> Any:
        caller: Caller | None = None
        try:
            caller = door.caller(context)
            permit(caller, method.scope, method.people(request))
            call = Call(caller, door.check_expiry, context.time_remaining)
            if method.stream is not None:
                return await method.stream(request, call, context.write)
            assert method.unary is not None
            answered = await method.unary(request, call)
        except Refused as refused:
            request_id = _request_id(context)
            if method.audited and caller is not None:
                _audit(method, request, caller, request_id, refused.reason)
            await abort(context, refused, request_id)
        except Exception:
            request_id = _request_id(context)
            log.exception("call_failed", method=method.name, request_id=request_id)
            await abort(context, refusals.internal(), request_id)
        if method.audited:
            _audit(method, request, caller, _request_id(context), "OK")
        return answered

    make: Any = grpc.unary_stream_rpc_method_handler if method.stream else grpc.unary_unary_rpc_method_handler
    counted = observed(method.name, service, method.stream is not None, handle)
    found: grpc.RpcMethodHandler[Any, Any] = make(counted, request_deserializer=method.request.FromString)
    return found


def _request_id(context: Context) -> str:
    """The client's own id of the request, if it is one, else a new one."""
    for name, value in context.invocation_metadata() or ():
        if name == REQUEST_ID and isinstance(value, str) and _REQUEST_ID.fullmatch(value):
            return value
    return secrets.token_hex(8)


def _audit(method: Method, request: Any, caller: Caller, request_id: str, outcome: str) -> None:
    """One line: who did what about whom. The person's id is hashed: who knows it can find the line, nobody else."""
    subjects = [hashlib.sha256(person.encode()).hexdigest()[:16] for person in method.people(request)]
    audit.info(
        "audit",
        method=method.name,
        caller=caller.id,
        subjects=subjects,
        request_id=request_id,
        outcome=outcome,
    )
