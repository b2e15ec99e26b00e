"""An answer to a request that has not been read to its end."""

import asyncio
from contextlib import suppress

from starlette.responses import Response
from starlette.types import Receive, Scope, Send


class Lingering(Response):
    """Says `status` at once, then reads and drops what still comes, for `linger_s` at most, and closes.

    To close at once would reset the connection under a sender that is still sending, who then never sees the answer.
    """

    def __init__(
        self, status: int, linger_s: float, *, retry_after_s: float | None = None, told: bytes = b""
    ) -> None:
        """`told`: a body of JSON."""
        headers = {"connection": "close", "content-length": str(len(told))}
        if told:
            headers["content-type"] = "application/json"
        if retry_after_s is not None:
            headers["retry-after"] = str(round(retry_after_s))
        super().__init__(status_code=status, headers=headers)
        self._linger_s = linger_s
        self._told = told

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self._told, "more_body": True})
        with suppress(TimeoutError):
            async with asyncio.timeout(self._linger_s):
                await _drop_rest(receive)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _drop_rest(receive: Receive) -> None:
    while (message := await receive())["type"] == "http.request" and message.get("more_body"):
        pass
