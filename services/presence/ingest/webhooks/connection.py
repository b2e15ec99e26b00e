"""A connection that waits for nobody for ever: uvicorn has no bound on how long, and how long a time, a head may take."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from presence.ingest.webhooks.limits import Limits

FRAMING_RATIO_MAX = 8
"""Bytes on the wire for a byte of body, at most: chunks of one byte take six."""


class BoundedConnection(HttpToolsProtocol):
    """Answers 408 to a head that is late, 431 to one that is long, and lets no more than `connections_max` in."""

    def __init__(self, *args: Any, limits: Limits, **options: Any) -> None:
        super().__init__(*args, **options)
        self._limits = limits
        self._late: asyncio.TimerHandle | None = None
        self._unpaid_bytes = 0
        """What came since the last head began and was not body."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as in uvicorn
        super().connection_made(transport)
        if len(self.connections) > self._limits.connections_max:
            transport.abort()
        else:
            self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._unwatch()

    def eof_received(self) -> bool:  # type: ignore[override] # asyncio's own says what True means
        """A sender that has said all and still listens gets its answer; then the connection ends."""
        if self._waits_for_head() or self.cycle.more_body:
            return False
        self.cycle.keep_alive = False
        return True

    def data_received(self, data: bytes) -> None:
        self._unpaid_bytes += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._unpaid_bytes > self._limits.head_bytes_max:
            self._refuse(b"431 Request Header Fields Too Large")
        elif self._waits_for_head():
            self._watch()
        else:
            self._unwatch()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._unpaid_bytes = 0

    def on_body(self, body: bytes) -> None:
        self._unpaid_bytes -= FRAMING_RATIO_MAX * len(body)
        super().on_body(body)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self.transport.is_closing():
            self._unpaid_bytes = 0

    def _waits_for_head(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _watch(self) -> None:
        if self._late is None:
            self._late = self.loop.call_later(
                self._limits.head_timeout_s, self._refuse, b"408 Request Timeout"
            )

    def _unwatch(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _refuse(self, status: bytes) -> None:
        if self.transport.is_closing():
            return
        if self._waits_for_head():
            self.transport.write(
                b"HTTP/1.1 " + status + b"\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
            )
        self.transport.close()
