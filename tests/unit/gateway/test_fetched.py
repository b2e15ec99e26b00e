"""Keys from a URL: fetched again when they change, kept when that fails, and asked for no more often than allowed."""

import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from presence.events.errors import CallerError
from presence.gateway.fetched import CONTENT_BYTES_MAX, Fetched

PATIENCE_S = 20.0


class Issuer:
    """An HTTP server on loopback that answers what it is told to."""

    def __init__(self) -> None:
        self.status, self.content, self.headers = 200, b"one", dict[str, str]()
        self.asked = 0
        self.kept: list[Fetched[str]] = []
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.asked += 1
                self.send_response(issuer.status)
                for name, value in issuer.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(issuer.content)

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/keys"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def fetched(self, refresh_s: float = 0.05) -> Fetched[str]:
        self.kept.append(Fetched(self.url, parse, before="none", refresh_s=refresh_s, soon_s=0.01))
        return self.kept[-1]


def parse(content: bytes) -> str:
    if content == b"nonsense":
        raise CallerError("no keys")
    return content.decode()


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    made = Issuer()
    yield made
    for each in made.kept:
        each.close()
    made.server.shutdown()
    made.server.server_close()


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_other_keys_are_taken_over_and_the_same_stay_the_same_object(issuer: Issuer) -> None:
    keys = issuer.fetched()
    first = keys.value()
    assert first == "one"
    eventually(lambda: issuer.asked > 3)
    assert keys.value() is first
    issuer.content = b"two"
    eventually(lambda: keys.value() == "two")


@pytest.mark.parametrize(
    ("status", "content"),
    [(500, b"two"), (200, b"nonsense"), (200, b"x" * (CONTENT_BYTES_MAX + 1)), (404, b"")],
)
def test_a_fetch_that_fails_keeps_the_keys_that_there_are(
    issuer: Issuer, status: int, content: bytes
) -> None:
    keys = issuer.fetched()
    issuer.status, issuer.content = status, content
    asked = issuer.asked
    eventually(lambda: issuer.asked > asked + 2)
    assert keys.value() == "one"
    issuer.status, issuer.content = 200, b"back again"
    eventually(lambda: keys.value() == "back again")


def test_who_is_not_there_at_the_start_is_asked_again(issuer: Issuer) -> None:
    issuer.status = 503
    keys = issuer.fetched()
    assert keys.value() == "none"
    issuer.status = 200
    eventually(lambda: keys.value() == "one")


def test_an_unknown_key_asks_before_it_is_time(issuer: Issuer) -> None:
    keys = issuer.fetched(refresh_s=3_600)
    issuer.content = b"rotated"
    assert keys.value() == "one"
    keys.want()
    eventually(lambda: keys.value() == "rotated")


def test_nobody_is_led_elsewhere(issuer: Issuer) -> None:
    elsewhere = Issuer()
    issuer.status, issuer.headers = 302, {"Location": elsewhere.url}
    keys = issuer.fetched()
    eventually(lambda: issuer.asked > 2)
    assert (keys.value(), elsewhere.asked) == ("none", 0)
    elsewhere.server.shutdown()
    elsewhere.server.server_close()


@pytest.mark.parametrize(
    "url", ["http://issuer.example/keys", "file:///etc/passwd", "ftp://127.0.0.1/", "keys", ""]
)
def test_a_url_that_others_could_read_or_change_is_refused(url: str) -> None:
    with pytest.raises(CallerError, match="https"):
        Fetched(url, parse, before="none", refresh_s=60)
