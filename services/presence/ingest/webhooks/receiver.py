"""The receiver's answers. 200 says that the log has it; anything else that the sender should try again, or mend its ways."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from presence.events.errors import RetryLater
from presence.ingest.webhooks.hook import Hook, Letter, Posted, Refused
from presence.ingest.webhooks.inbox import Inbox
from presence.ingest.webhooks.limits import Limits
from presence.ingest.webhooks.lingering import Lingering
from presence.log.clock import now_ms
from presence.log.metrics import WEBHOOK_ANSWERS

CLIENT_GONE = 499
"""Nobody reads it; the number is nginx's."""


class Door(NamedTuple):
    """A network's hook, and where its frames wait."""

    hook: Hook
    inbox: Inbox


class Receiver:
    """An ASGI application: `app`. One event loop."""

    def __init__(self, doors: Sequence[Door], limits: Limits) -> None:
        self._limits = limits
        self._reading_bytes = 0
        self.answers: Counter[str] = Counter()
        """How many of each, such as `github 200`."""
        routes = [Route("/health", self._health)]
        routes += [Route(door.hook.path, self._endpoint(door), methods=["GET", "POST"]) for door in doors]
        self.app = Starlette(routes=routes)
        # A sender follows no redirect, and the address of one is whatever Host the caller says.
        self.app.router.redirect_slashes = False

    async def _health(self, _: Request) -> Response:
        return JSONResponse({"answers": dict(self.answers)})

    def _endpoint(self, door: Door) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            response = await self._answer(door, request)
            self.answers[f"{door.hook.network} {response.status_code}"] += 1
            WEBHOOK_ANSWERS.labels(door.hook.network, response.status_code).inc()
            return response

        return endpoint

    async def _answer(self, door: Door, request: Request) -> Response:
        try:
            if request.method != "POST":
                reply = door.hook.challenge(_posted(request, b""))
                return Response(reply.body, media_type=reply.media_type)
            posted = _posted(request, await self._body(request))
            door.hook.verify(posted, now_ms())
            if letters := door.hook.letters(posted):
                await self._acknowledged(door.inbox, letters)
        except Refused as error:
            return Lingering(error.status, self._limits.linger_s, told=error.told)
        except RetryLater as error:
            return Lingering(503, self._limits.linger_s, retry_after_s=error.after_s)
        except ClientDisconnect:
            return Response(status_code=CLIENT_GONE)
        return Response()

    async def _acknowledged(self, inbox: Inbox, letters: Sequence[Letter]) -> None:
        """Return when the log has them. Raises RetryLater: then it may have them nevertheless, and knows them again."""
        try:
            async with asyncio.timeout(self._limits.ack_timeout_s):
                await inbox.post(letters)
        except TimeoutError:
            raise RetryLater("the broker does not answer", after_s=self._limits.retry_after_s) from None

    async def _body(self, request: Request) -> bytes:
        """The raw body. Raises Refused with 408 or 413 as soon as it is late or too long, RetryLater if all are too many."""
        declared = request.headers.get("content-length", "0")
        if len(declared) > 15 or int(declared) > self._limits.body_bytes_max:
            raise Refused(413, "the body is too long")
        body = bytearray()
        try:
            async with asyncio.timeout(self._limits.body_timeout_s):
                async for part in request.stream():
                    self._reading_bytes += len(part)
                    body += part
                    if len(body) > self._limits.body_bytes_max:
                        raise Refused(413, "the body is too long")
                    if self._reading_bytes > self._limits.bodies_bytes_max:
                        raise RetryLater("too many bodies at once", after_s=self._limits.retry_after_s)
        except TimeoutError:
            raise Refused(408, "the body is late") from None
        finally:
            self._reading_bytes -= len(body)
        return bytes(body)


def _posted(request: Request, body: bytes) -> Posted:
    return Posted(request.headers, request.query_params, request.path_params, body)
