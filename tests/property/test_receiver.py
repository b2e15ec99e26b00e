"""Whatever is sent to the receiver over a socket, it gets an answer of the table in docs/webhooks.md, and the next one is served."""

import json
import re
import socket
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from presence.demo.wire.pushes import ENV, ask, by_facebook, by_github, by_linkedin, by_x, star
from presence.ingest.webhooks.bootstrap import hooks
from presence.ingest.webhooks.inbox import Inbox
from presence.ingest.webhooks.limits import Limits
from presence.ingest.webhooks.receiver import Door, Receiver
from presence.ingest.webhooks.server import WebhookServer

STATUSES = {200, 400, 401, 403, 404, 405, 408, 413, 431, 503}
PATHS = st.sampled_from(
    ["/github", "/x", "/facebook", "/linkedin", "/", "/health", "/github/", "//x", "/%00", "/x?crc_token=a"]
)
NAMES = st.sampled_from(
    ["X-Hub-Signature-256", "X-GitHub-Event", "x-twitter-webhooks-signature", "X-LI-Signature", "Content-Type", "Content-Length",
     "Transfer-Encoding", "Expect", "Connection", "Upgrade", "Cookie"]
)  # fmt: skip
VALUES = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=40) | st.sampled_from(
    ["sha256=", "chunked", "gzip, chunked", "100-continue", "close", "upgrade", "websocket", "0", "-1", "5", "99999999999999999999",
     "application/x-www-form-urlencoded", "sha256=\xff"]
)  # fmt: skip


@pytest.fixture(scope="module")
def server() -> Iterator[WebhookServer]:
    """The receiver without a log behind it: what passes the door is answered with 503, since nobody acknowledges it."""
    limits = Limits(
        ack_timeout_s=0, head_timeout_s=0.1, body_timeout_s=0.1, linger_s=0.1, unacknowledged_max=10**6
    )
    doors = [Door(hook, Inbox(limits)) for hook in hooks(ENV, ("github", "x", "facebook", "linkedin"))]
    running = WebhookServer(Receiver(doors, limits), {}, limits, "127.0.0.1", 0)
    thread = threading.Thread(target=running.run)
    thread.start()
    yield running
    running.stop()
    thread.join()
    running.close()


def statuses(port: int, data: bytes) -> list[int]:
    """Of all answers to `data`, after which nothing more is sent."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        answer = b""
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            while got := connection.recv(65_536):
                answer += got
        except ConnectionError:
            pass  # It need not listen to all of it.
    return [int(each) for each in re.findall(rb"(?:^|\r\n|\n|\})HTTP/1\.1 (\d{3}) ", answer)]


def assert_served(server: WebhookServer) -> None:
    assert ask(server.port, "GET", "/health").status == 200


@settings(max_examples=100)
@given(data=st.binary(max_size=400))
def test_arbitrary_bytes(data: bytes, server: WebhookServer) -> None:
    assert set(statuses(server.port, data)) <= STATUSES
    assert_served(server)


@settings(max_examples=100)
@given(
    method=st.sampled_from(["GET", "POST", "HEAD", "PUT", "OPTIONS", "post", "TRACE"]),
    path=PATHS,
    headers=st.lists(st.tuples(NAMES, VALUES), max_size=5),
    body=st.binary(max_size=100),
)
def test_arbitrary_requests(
    method: str, path: str, headers: list[tuple[str, str]], body: bytes, server: WebhookServer
) -> None:
    head = "".join(f"{name}: {value}\r\n" for name, value in headers)
    data = f"{method} {path} HTTP/1.1\r\nhost: x\r\n{head}\r\n".encode("latin-1") + body
    assert set(statuses(server.port, data)) <= STATUSES | {100}
    assert_served(server)


@settings(max_examples=60)
@given(data=st.data())
def test_good_deliveries_with_a_few_bytes_changed(data: st.DataObject, server: WebhookServer) -> None:
    change = {
        "field": "feed",
        "value": {"item": "post", "verb": "add", "from": {"id": "1"}, "post_id": "1_1"},
    }
    deliveries = [
        star("ada"),
        by_github("push", {}),
        by_x({"data": {"event_type": "a"}}),
        by_facebook(change),
        by_linkedin({}),
    ]
    path, body, headers = data.draw(st.sampled_from(deliveries))
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    whole = f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n{head}\r\n".encode() + body
    # 408 where the machine is slower than the short patience of this server.
    assert statuses(server.port, whole) in ([503], [408]), "it is signed, and there is no log"
    at = data.draw(st.integers(0, len(whole) - 1))
    changed = whole[:at] + data.draw(st.binary(max_size=3)) + whole[at + 1 :]
    assert set(statuses(server.port, changed)) <= STATUSES
    at = len(whole) - data.draw(st.integers(1, len(body)))
    if whole[at : at + 1] != b"~":
        assert statuses(server.port, whole[:at] + b"~" + whole[at + 1 :]) in ([401], [408])
    assert_served(server)


@settings(max_examples=50)
@given(
    value=st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner),
    )
)
def test_whatever_is_signed_is_taken(value: object, server: WebhookServer) -> None:
    for by in (lambda each: by_github("star", each), by_x):
        path, _, _ = by({})
        body = json.dumps(value).encode()
        signed = by(value)  # type: ignore[arg-type] # any JSON is what this is about
        assert ask(server.port, "POST", path, body, signed[2]).status in {503, 408}
