"""A network's API on a local socket: what it is asked is remembered, and it fails on demand."""

import json
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qs, urlsplit

HEADERS: Mapping[str, str] = MappingProxyType({})
CHUNKED: Mapping[str, str] = MappingProxyType({"transfer-encoding": "chunked"})


class Asked(NamedTuple):
    """One request. Names of headers are in lower case; of a repeated part of the query the first is kept."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


class Answer(NamedTuple):
    """`body`: bytes as they are, an iterator as a stream (chunked if `headers` say so), or else as JSON."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = HEADERS


class Api:
    """Answers by `answer`, after what is in `failures`; `asked` is all that came. Used as a context.

    `answer` is called under `lock`, so that whoever changes what it shows takes that.
    """

    def __init__(self) -> None:
        self.failures: deque[Answer | None] = deque()
        """None: the connection is closed without an answer."""
        self.asked: list[Asked] = []
        self.answered: list[int] = []
        """The status of each of `asked`; 0: none."""
        self.lock = threading.Lock()
        self.closing = threading.Event()
        """Set at the end, for streams that wait."""
        self._server = _Server(self)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    def answer(self, asked: Asked) -> Answer:
        raise NotImplementedError

    def next_answer(self, asked: Asked) -> Answer | None:
        """What `asked` gets; None: nothing."""
        with self.lock:
            self.asked.append(asked)
            answer = self.failures.popleft() if self.failures else self.answer(asked)
            self.answered.append(answer.status if answer else 0)
            return answer

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, api: Api) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.api = api


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._answer("GET")

    def do_POST(self) -> None:
        self._answer("POST")

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def _answer(self, method: str) -> None:
        with suppress(ConnectionError):  # Whoever asked has gone.
            answer = self.server.api.next_answer(self._asked(method))
            if answer is None:
                self.close_connection = True
            else:
                self._send(answer)

    def _asked(self, method: str) -> Asked:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        return Asked(method, parts.path, query, headers, body)

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if isinstance(answer.body, Iterator):
            self._stream(answer.body, chunked="transfer-encoding" in answer.headers)
            return
        content = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        if answer.status == 304:
            content = b""
        else:
            self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _stream(self, parts: Iterator[bytes], *, chunked: bool) -> None:
        """Each part as it comes. After the last the connection is cut: a chunked stream has no end of its own."""
        self.send_header("connection", "close")
        self.end_headers()
        self.close_connection = True
        with suppress(OSError):
            for part in parts:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part) if chunked else part)
