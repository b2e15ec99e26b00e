"""Networks that cannot be reached from a test, as far as their wire goes: HTTP over a real socket, as they speak it."""

import hashlib
import json
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit


class Failure(NamedTuple):
    """What is answered instead, once."""

    status: int
    headers: dict[str, str] = {}  # noqa: RUF012 (nobody writes to it)


class GitHub:
    """The REST API, as far as the poller asks: pages, ETags, limits. `lists` are by path, the newest element first."""

    def __init__(self) -> None:
        self.lists: dict[str, Any] = {}
        self.failures: deque[Failure] = deque()
        self.headers: dict[str, str] = {}
        self.asked: list[tuple[str, int]] = []
        """Path with query, and the status that it was answered with."""
        self.tokens: set[str] = set()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        asked = urlsplit(handler.path)
        query = {name: values[0] for name, values in parse_qs(asked.query).items()}
        self.tokens.add(handler.headers.get("Authorization", ""))
        if self.failures:
            failure = self.failures.popleft()
            self._send(handler, failure.status, b"{}", failure.headers)
            return
        if asked.path not in self.lists:
            self._send(handler, 404, b'{"message": "Not Found"}', {})
            return
        value, headers = self.lists[asked.path], dict(self.headers)
        if isinstance(value, list):
            size, page = int(query.get("per_page", 30)), int(query.get("page", 1))
            if page * size < len(value):
                headers["Link"] = (
                    f'<http://{handler.headers["Host"]}{asked.path}?page={page + 1}>; rel="next"'
                )
            value = value[(page - 1) * size : page * size]
        body = json.dumps(value).encode()
        headers["ETag"] = f'W/"{hashlib.sha256(body).hexdigest()}"'
        if handler.headers.get("If-None-Match") == headers["ETag"]:
            self._send(handler, 304, b"", headers)
        else:
            self._send(handler, 200, body, headers)

    def _send(
        self, handler: BaseHTTPRequestHandler, status: int, body: bytes, headers: dict[str, str]
    ) -> None:
        self.asked.append((handler.path, status))
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        if status != 304:
            handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)


class Stream:
    """X's stream: each connection gets the next of `connections`, what it sends as it stands, and is then closed.

    Bytes are a chunk, an Event is waited for, a Failure is the whole answer. After the last, connections stay open.
    """

    def __init__(self, *connections: Sequence[bytes | threading.Event] | Failure) -> None:
        self.connections = deque(connections)
        self.asked: list[dict[str, str]] = []
        self.tokens: set[str] = set()
        self.closing = threading.Event()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        asked = urlsplit(handler.path)
        assert asked.path == "/2/activity/stream"
        self.asked.append({name: values[0] for name, values in parse_qs(asked.query).items()})
        self.tokens.add(handler.headers.get("Authorization", ""))
        script = self.connections.popleft() if self.connections else None
        if isinstance(script, Failure):
            handler.send_response(script.status)
            for name, value in {**script.headers, "Content-Length": "0"}.items():
                handler.send_header(name, value)
            handler.end_headers()
            return
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        handler.close_connection = True
        for step in script or (self.closing,):
            if isinstance(step, threading.Event):
                step.wait(60)
            else:
                handler.wfile.write(b"%x\r\n%s\r\n" % (len(step), step))


@contextmanager
def served(network: GitHub | Stream) -> Iterator[str]:
    """The address of the running server."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            with suppress(ConnectionError):  # Whoever asked has gone.
                network.answer(self)

        def log_message(self, *_: Any) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        if isinstance(network, Stream):
            network.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()
