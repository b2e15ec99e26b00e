"""The receiver over real sockets, into a real log: what it answers, and what it keeps whoever is killed."""

import json
import os
import random
import re
import signal
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.networks.logs import enrol, logged, reasons, until

from presence.demo.wire.pushes import (
    ENV,
    ask,
    base64_signed,
    by_facebook,
    by_github,
    by_linkedin,
    by_x,
    hex_signed,
    post,
    star,
)
from presence.events.errors import CallerError
from presence.events.vocabulary import Direction, Kind, Verb
from presence.ingest.webhooks.bootstrap import hooks, webhook_server
from presence.ingest.webhooks.limits import Limits
from presence.ingest.webhooks.server import WebhookServer
from presence.log.kafka import read_to_end
from presence.log.settings import Settings

PATIENCE_S = 60
Spawn = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def found(kafka: str, namespace: str, tmp_path: Path) -> Settings:
    return Settings(kafka=kafka, namespace=namespace, data=tmp_path / "data", partitions=2)


@contextmanager
def serving(found: Settings, *networks: str, limits: Limits | None = None) -> Iterator[WebhookServer]:
    with webhook_server(found, hooks(ENV, networks), "127.0.0.1", 0, limits) as server:
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            yield server
        finally:
            server.stop()
            thread.join()


def raw(port: int, *parts: bytes) -> bytes:
    """What comes back for bytes as they are, until the other side closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as connection:
        answer = b""
        try:
            for part in parts:
                connection.sendall(part)
            while got := connection.recv(65_536):
                answer += got
        except ConnectionError:
            pass
        return answer


def test_each_network_with_its_own_signature_and_what_is_taken_back(found: Settings) -> None:
    enrol(found, "github:octocat", "x:11", "facebook:100", "linkedin:urn:li:organization:5")
    reaction = {
        "item": "reaction",
        "verb": "add",
        "reaction_type": "love",
        "from": {"id": "7"},
        "post_id": "100_1",
    }
    removed = reaction | {"verb": "remove"}
    comment = {"item": "comment", "verb": "add", "from": {"id": "7"}, "post_id": "100_1", "comment_id": "1_2"}
    reply = {
        "event_type": "post.reply.create",
        "event_uuid": "1",
        "filter": {"user_id": "11"},
        "payload": {"id": "1990000000000000001", "author_id": "22", "in_reply_to_user_id": "11"},
    }
    deleted = {"event_type": "post.delete", "payload": {"id": "1990000000000000001", "author_id": "22"}}
    said = {
        "organizationalEntity": "urn:li:organization:5",
        "lastModifiedAt": 1_795_000_000_000,
        "generatedActivity": "urn:li:comment:(urn:li:activity:1,2)",
    }
    shared = said | {"generatedActivity": "urn:li:share:3", "action": "SHARE"}
    with serving(found, "github", "x", "facebook", "linkedin") as server:
        deliveries = [
            by_linkedin(said | {"action": "COMMENT"}, shared),
            star("Ada"),
            by_x({"data": reply}),
            by_facebook({"field": "feed", "value": reaction}, {"field": "feed", "value": comment}),
            star("Ada", "deleted"),
            by_x({"data": deleted}),
            by_facebook({"field": "feed", "value": removed}),
            by_linkedin(said | {"action": "COMMENT_DELETE"}),
        ]
        assert [post(server.port, each).status for each in deliveries] == [200] * 8
        written = logged(found)
    acts = [event for event in written if event.kind == Kind.ACTIVITY]
    assert {(each.network, each.verb, each.direction) for each in acts} == {
        ("github", Verb.STAR, Direction.TO),
        ("x", Verb.CREATE, Direction.TO),
        ("facebook", Verb.LIKE, Direction.TO),
        ("facebook", Verb.CREATE, Direction.TO),
        ("linkedin", Verb.CREATE, Direction.TO),
        ("linkedin", Verb.ANNOUNCE, Direction.TO),
    }
    undone = {event.ref_id for event in written if event.kind == Kind.UNDO}
    stay = {("facebook", Verb.CREATE), ("linkedin", Verb.ANNOUNCE)}
    assert undone == {each.id for each in acts if (each.network, each.verb) not in stay}
    for record in read_to_end(found, found.topics.activity):
        assert not any(name in record.value for name in (b"octocat", b"ada", b"1990000000000000001"))


def test_handshakes(found: Settings) -> None:
    with serving(found, "github", "x", "facebook", "linkedin") as server:
        answer = ask(server.port, "GET", "/linkedin?challengeCode=890e4665-4dfe-4ab1-b689-ed553bceeed0")
        told = json.loads(answer.body)
        assert told["challengeCode"] == "890e4665-4dfe-4ab1-b689-ed553bceeed0"
        assert told["challengeResponse"] == hex_signed("client secret", told["challengeCode"].encode())[7:]
        assert ask(server.port, "GET", "/linkedin").status == 400
        answer = ask(server.port, "GET", "/x?crc_token=challenge%20me")
        expected = base64_signed(ENV["PRESENCE_X_CONSUMER_SECRET"], b"challenge me")
        assert (answer.status, json.loads(answer.body)) == (200, {"response_token": expected})
        assert ask(server.port, "GET", "/x").status == 400
        asked = "/facebook?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token="
        answer = ask(server.port, "GET", f"{asked}meatyhamhock")
        assert (answer.status, answer.body) == (200, b"1158201444")
        assert ask(server.port, "GET", f"{asked}other").status == 403
        assert ask(server.port, "GET", "/github").status == 405
        assert post(server.port, by_github("ping", {"zen": "Keep it logically awesome."})).status == 200
    assert logged(found) == []


def test_what_is_not_signed_so_is_refused_and_leaves_nothing(found: Settings) -> None:
    enrol(found, "github:octocat")
    path, body, headers = star("Ada")
    wrong = {
        "none": {},
        "empty": {"X-Hub-Signature-256": ""},
        "of another body": {"X-Hub-Signature-256": hex_signed("It's a Secret to Everybody", b"{}")},
        "of another secret": {"X-Hub-Signature-256": hex_signed("guess", body)},
        "cut": {"X-Hub-Signature-256": headers["X-Hub-Signature-256"][:-1]},
        "not ASCII": {"X-Hub-Signature-256": "sha256=\xe9\xff"},
        "SHA-1": {"X-Hub-Signature": "sha1=757107ea0eb2509fc211221cce984b8a37570b6d"},
    }
    with serving(found, "github") as server:
        for each in wrong.values():
            assert ask(server.port, "POST", path, body, {"X-GitHub-Event": "star", **each}).status == 401
        assert post(server.port, star("Ada")).status == 200
    assert len(logged(found)) == 1
    assert reasons(found) == {}


def test_a_delivery_that_is_replayed_is_fine_and_nothing_else_also_after_a_restart(found: Settings) -> None:
    enrol(found, "github:octocat")
    for _ in range(2):
        with serving(found, "github") as server:
            assert [post(server.port, star("Ada")).status for _ in range(3)] == [200] * 3
    assert len(logged(found)) == 1


def test_what_is_signed_and_makes_no_sense_is_a_dead_letter(found: Settings) -> None:
    body = b'{"action": "created", "sender": 5}'
    headers = {
        "X-GitHub-Event": "star",
        "X-Hub-Signature-256": hex_signed(ENV["PRESENCE_GITHUB_WEBHOOK_SECRET"], body),
    }
    with serving(found, "github") as server:
        assert ask(server.port, "POST", "/github", body, headers).status == 200
        assert ask(server.port, "POST", "/nobody", body, headers).status == 404
        assert ask(server.port, "PUT", "/github", body, headers).status == 405
    assert reasons(found) == {"shape": 1}


HEAD = b"POST /github HTTP/1.1\r\nhost: x\r\n"


def test_who_is_slow_gets_408(found: Settings) -> None:
    with serving(found, "github", limits=Limits(head_timeout_s=0.3, body_timeout_s=0.3)) as server:
        assert raw(server.port, HEAD).startswith(b"HTTP/1.1 408")
        assert raw(server.port, b"").startswith(b"HTTP/1.1 408")
        assert raw(server.port, HEAD + b"content-length: 10\r\n\r\nabc").startswith(b"HTTP/1.1 408")


def test_what_is_too_long_or_no_http_gets_its_status(found: Settings) -> None:
    enrol(found, "github:octocat")
    with serving(found, "github") as server:
        hundred_megabytes = bytes(100_000_000)
        assert ask(server.port, "POST", "/github", hundred_megabytes).status == 413
        chunk = b"100000\r\n" + bytes(2**20) + b"\r\n"
        assert raw(server.port, HEAD + b"transfer-encoding: chunked\r\n\r\n", *[chunk] * 100).startswith(
            b"HTTP/1.1 413"
        )
        assert raw(server.port, b"GET /" + b"a" * 200_000).startswith(b"HTTP/1.1 431")
        assert raw(server.port, HEAD + b"x: " + b"a" * 200_000).startswith(b"HTTP/1.1 431")
        assert raw(server.port, b"\x16\x03\x01\x02\x00\x01\x00").startswith(b"HTTP/1.1 400")
        endless = b"a" * 65_536
        trailers = raw(server.port, HEAD + b"transfer-encoding: chunked\r\n\r\n0\r\nx: ", *[endless] * 64)
        assert b" 200 " not in trailers[:20]
        assert post(server.port, star("Ada")).status == 200, "it is none the worse for it"


def test_nobody_gets_200_before_the_log_has_it(found: Settings) -> None:
    enrol(found, "github:octocat")
    with serving(found, "github", limits=Limits(ack_timeout_s=0, retry_after_s=7)) as server:
        answer = post(server.port, star("Ada"))
    assert (answer.status, answer.headers["retry-after"]) == (503, "7")
    with serving(found, "github", limits=Limits(unacknowledged_max=0)) as server:
        assert post(server.port, star("Bo")).status == 503
    with serving(found, "github") as server:
        assert post(server.port, star("Ada")).status == 200
    assert len(logged(found)) == 1, "the first was there already, and the second never"


def test_more_connections_than_there_may_be_are_closed_and_the_rest_is_served(found: Settings) -> None:
    with serving(found, "github", limits=Limits(connections_max=4, head_timeout_s=600)) as server:
        idle = [socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S) for _ in range(4)]
        until(lambda: raw(server.port, b"GET / HTTP/1.0\r\n\r\n") == b"")
        for each in idle:
            each.close()
        until(lambda: raw(server.port, b"GET / HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 404"))


def test_a_form_is_taken_as_well_as_json(found: Settings) -> None:
    enrol(found, "github:octocat")
    _, body, _ = star("Ada")
    form = b"payload=" + "".join(f"%{byte:02x}" for byte in body).encode()
    headers = {
        "X-GitHub-Event": "star",
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Hub-Signature-256": hex_signed(ENV["PRESENCE_GITHUB_WEBHOOK_SECRET"], form),
    }
    with serving(found, "github") as server:
        assert ask(server.port, "POST", "/github", form, headers).status == 200
        assert post(server.port, star("Ada")).status == 200
    assert len(logged(found)) == 1


def test_one_receiver_of_a_network_in_a_folder_and_one_on_a_port(found: Settings) -> None:
    with (
        serving(found, "github") as server,
        pytest.raises(CallerError, match="another ingest of webhooks"),
        serving(found, "github"),
    ):
        pass
    with (
        serving(found, "github") as server,
        pytest.raises(CallerError, match="cannot listen"),
        webhook_server(found, [], "127.0.0.1", server.port),
    ):
        pass


def test_what_is_missing_is_named(found: Settings, tmp_path: Path) -> None:
    with pytest.raises(CallerError, match="PRESENCE_GITHUB_WEBHOOK_SECRET"):
        hooks({}, ["github"])
    with pytest.raises(CallerError, match="no webhooks"):
        hooks({}, ["bluesky"])
    with pytest.raises(CallerError, match="is empty"):
        hooks({"PRESENCE_GITHUB_WEBHOOK_SECRET": " \n"}, ["github"])
    (tmp_path / "secret").write_text("new\nIt's a Secret to Everybody\n")
    rotated = hooks({"PRESENCE_GITHUB_WEBHOOK_SECRET_FILE": str(tmp_path / "secret")})
    assert [each.network for each in rotated] == ["github"]
    with webhook_server(found, rotated, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.run)
        thread.start()
        assert post(server.port, star("Ada")).status == 200, "the old secret counts beside the new one"
        server.stop()
        thread.join()


class Process:
    """`presence ingest webhooks` as a user starts it."""

    def __init__(self, spawn: Spawn, found: Settings, port: int = 0) -> None:
        os.environ |= ENV
        log = found.data / "services.log"
        before = log.stat().st_size if log.exists() else 0
        self.process = spawn("presence.cli.main", found, "ingest", "webhooks", "github", "--port", str(port))
        said: list[bytes] = []

        def listening() -> bool:
            said[:] = re.findall(rb"http://127.0.0.1:(\d+)/github", log.read_bytes()[before:])
            assert self.process.poll() is None, log.read_bytes()[before:]
            return bool(said)

        until(listening)
        self.port = int(said[0])


@pytest.fixture(autouse=True)
def environment() -> Iterator[None]:
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


def insist(port: int, login: str) -> None:
    """Send a star until it is answered with 200, as a network does."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        try:
            if post(port, star(login)).status == 200:
                return
        except (OSError, ValueError):
            pass  # Nobody listens, or who did was killed. ValueError: half a status line.
        time.sleep(0.05)
    pytest.fail("nobody took it")


def test_kill_9_at_random_what_got_a_200_is_in_the_log_exactly_once(found: Settings, spawn: Spawn) -> None:
    enrol(found, "github:octocat")
    chance = random.Random(6)
    receiver = Process(spawn, found)
    logins = [f"fan{number}" for number in range(400)]
    with ThreadPoolExecutor(4) as senders:
        sent = [senders.submit(insist, receiver.port, login) for login in logins]
        for _ in range(3):
            enough = sum(each.done() for each in sent) + chance.randrange(20, 90)
            until(lambda enough=enough: sum(each.done() for each in sent) >= enough)  # type: ignore[misc] # bound
            receiver.process.kill()
            receiver.process.wait()
            receiver = Process(spawn, found, receiver.port)
        for each in sent:
            each.result()
    counted = Counter(event.id for event in logged(found))
    assert len(counted) == len(logins)
    assert set(counted.values()) == {1}


def test_sigterm_finishes_what_was_taken_and_ends(found: Settings, spawn: Spawn) -> None:
    enrol(found, "github:octocat")
    receiver = Process(spawn, found)
    taken: list[str] = []

    def send(number: int) -> None:
        try:
            if post(receiver.port, star(f"fan{number}")).status == 200:
                taken.append(f"fan{number}")
        except OSError:
            pass  # It listens no more.

    with ThreadPoolExecutor(4) as senders:
        for number in range(300):
            senders.submit(send, number)
        until(lambda: len(taken) >= 50)
        # Somebody who is in the middle of a body holds nothing up.
        idle = socket.create_connection(("127.0.0.1", receiver.port))
        idle.sendall(b"POST /github HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nabc")
        receiver.process.send_signal(signal.SIGTERM)
        assert receiver.process.wait(timeout=PATIENCE_S) == 0
    idle.close()
    written = logged(found)
    assert len(taken) <= len(written) == len({event.id for event in written})
    told = (found.data / "services.log").read_bytes()
    assert b"fan1" not in told
    assert b"Secret" not in told
