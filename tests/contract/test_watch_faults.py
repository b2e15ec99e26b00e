"""WatchScores under faults: watchers live on while publisher and gateway are killed, and end with the newest of everybody.

`PRESENCE_TEST_KILLS` says how often each is killed (2); 20 is what a release is tried with.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from presence.client import Client, ResumeTokenCompacted, ResumeTokenUnknown, Score, Watch
from presence.log.kafka import ensure_topics, read_to_end
from presence.log.revision import decode
from presence.log.settings import Settings
from presence.v1 import score_pb2
from presence.v1.service_pb2 import WatchScoresRequest

KILLS = int(os.environ.get("PRESENCE_TEST_KILLS", "2"))
WATCHERS = 100 if KILLS > 3 else 30
PEOPLE = 200
TIMEOUT_S = 120.0
PUBLISHER = Path(__file__).with_name("publisher.py")


class Follower:
    """A watcher in a thread; remembers the newest score of each person, and whether anything was wrong."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.newest: dict[str, int] = {}
        self.updates = 0
        self.wrong: list[str] = []
        self.thread = threading.Thread(target=self._follow, daemon=True)
        self.thread.start()

    def _follow(self) -> None:
        try:
            for update in self.watch:
                self.updates += 1
                for score in update.scores:
                    self._take(score)
        except Exception as error:  # noqa: BLE001 (what ended the watch is what the test wants to know)
            self.wrong.append(repr(error))

    def _take(self, score: Score) -> None:
        offset = decode(score.revision).offset
        if offset <= self.newest.get(score.person, 0):
            self.wrong.append(f"{score.person} went from {self.newest[score.person]} to {offset}")
        self.newest[score.person] = offset


class Publisher:
    """The publisher's process, one after the other."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.revision = 0
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        given = (self._settings.kafka, self._settings.namespace, str(PEOPLE), str(self.revision + 1_000))
        self._process = subprocess.Popen(
            [sys.executable, str(PUBLISHER), *given], stdout=subprocess.PIPE, text=True
        )

    def wait_for(self, transactions: int) -> None:
        """So many of them committed."""
        assert self._process is not None
        assert self._process.stdout is not None
        for _ in range(transactions):
            line = self._process.stdout.readline()
            assert line, "the publisher has ended"
            self.revision = int(line)

    def kill(self) -> None:
        assert self._process is not None
        if self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGKILL)
        rest = self._process.communicate()[0].split()
        self.revision = int(rest[-1]) if rest else self.revision


@pytest.fixture
def publisher(settings: Settings) -> Iterator[Publisher]:
    ensure_topics(settings)
    made = Publisher(settings)
    yield made
    made.kill()


def final_scores(settings: Settings) -> dict[str, int]:
    """The newest revision of everybody, as the topic has it."""
    newest: dict[str, int] = {}
    for record in read_to_end(settings, settings.topics.scores):
        score = score_pb2.Score.FromString(record.value)
        newest[score.person] = max(newest.get(score.person, 0), decode(score.revision).offset)
    return newest


def wait_until(look: Callable[[], bool], followers: list[tuple[Any, Follower]]) -> None:
    """Nothing may go wrong meanwhile."""
    deadline = time.monotonic() + TIMEOUT_S
    while not look():
        assert not [follower.wrong for _, follower in followers if follower.wrong]
        assert time.monotonic() < deadline
        time.sleep(0.1)


def wait_until_all_are_back(followers: list[tuple[Any, Follower]]) -> None:
    """Everybody has found the new gateway: each is told something more from now on."""
    had = [follower.updates for _, follower in followers]

    def told() -> bool:
        return all(each.updates > before for (_, each), before in zip(followers, had, strict=True))

    wait_until(told, followers)


@pytest.mark.timeout(900)
def test_every_watcher_ends_with_the_final_scores_though_publisher_and_gateway_are_killed(
    settings: Settings, publisher: Publisher, new_gateway: Callable[..., Any]
) -> None:
    publisher.start()
    gateway = new_gateway(settings, environment={"PRESENCE_GATEWAY_PROCESSES": "2"})
    gateway.wait_until_serving()
    clients = [Client(gateway.address) for _ in range(10)]
    everybody = sorted({f"p_{'a' * 24}{a}{b}" for a in "abcdef" for b in "abcdefghijklmnopqrstuvwxyz234567"})
    followers = []
    for number in range(WATCHERS):
        people = () if number % 2 else everybody[number : number + 50]
        followers.append((people, Follower(clients[number % len(clients)].watch(people))))
    wait_until(lambda: all(follower.newest for _, follower in followers), followers)
    for kill in range(KILLS):
        publisher.wait_for(5)
        publisher.kill()
        publisher.start()
        publisher.wait_for(2)
        if kill % 2:
            gateway.process.send_signal(signal.SIGTERM)
            gateway.process.wait()
            gateway.channel.close()
        else:
            gateway.kill()
        gateway.start()
        wait_until_all_are_back(followers)
    publisher.wait_for(3)
    publisher.kill()
    expected = final_scores(settings)
    assert len(expected) == PEOPLE

    def complete(people: tuple[str, ...] | list[str], follower: Follower) -> bool:
        watched = {name: offset for name, offset in expected.items() if not people or name in people}
        return not follower.wrong and follower.newest == watched

    wait_until(lambda: all(complete(*each) for each in followers), followers)
    for _, follower in followers:
        follower.watch.close()
        follower.thread.join()
    for client in clients:
        client.close()
    assert not [follower.wrong for _, follower in followers if follower.wrong]


def test_who_was_erased_meanwhile_is_told_until_that_is_forgotten(
    scores: Any, new_gateway: Callable[..., Any], person: Callable[[int], str]
) -> None:
    scores.publish([1, 2], presence=1)
    gateway = new_gateway(scores.settings, environment={"PRESENCE_GATEWAY_WATCH_BOOKMARK_S": "0.2"})
    gateway.wait_until_serving()
    client = Client(gateway.address)
    with client.watch() as watch:
        held: set[str] = set()
        while len(held) < 2:
            held |= {score.person for score in next(watch).scores}
        token = watch.resume_token
        scores.erase(1)
        while not (erased := next(watch).erased):
            continue
        assert erased == (person(1),)
    with client.watch([person(1)], resume_token=token) as resumed:
        assert next(resumed).erased == (person(1),)
    with client.watch() as fresh:
        first = next(fresh)
        assert ([score.person for score in first.scores], first.erased) == ([person(2)], ())
    gateway.kill()
    gateway.environment["PRESENCE_GATEWAY_WATCH_RETENTION_S"] = "1"
    gateway.start()
    gateway.wait_until_serving()
    deadline = time.monotonic() + TIMEOUT_S
    refused: ResumeTokenUnknown | None = None
    while refused is None:
        assert time.monotonic() < deadline
        try:
            with client.watch(resume_token=token) as late:
                assert next(late).erased == (person(1),)
        except ResumeTokenUnknown as error:
            refused = error
    assert isinstance(refused, ResumeTokenCompacted)
    assert "watch again without it" in str(refused)
    with client.watch() as again:
        assert [score.person for score in next(again).scores] == [person(2)]
    client.close()


def test_a_quiet_watch_gets_bookmarks(
    scores: Any, new_gateway: Callable[..., Any], person: Callable[[int], str]
) -> None:
    scores.publish([1, 2], presence=1)
    gateway = new_gateway(scores.settings, environment={"PRESENCE_GATEWAY_WATCH_BOOKMARK_S": "0.1"})
    gateway.wait_until_serving()
    with Client(gateway.address) as client, client.watch([person(1)]) as watch:
        first = next(watch)
        scores.publish([2], presence=2)
        bookmark = next(watch)
        assert (bookmark.scores, bookmark.caught_up) == ((), True)
        assert bookmark.resume_token != first.resume_token


def test_a_watcher_that_reads_nothing_is_told_and_let_go(
    scores: Any, new_gateway: Callable[..., Any], person: Callable[[int], str]
) -> None:
    scores.publish(range(3_000), presence=1)
    gateway = new_gateway(scores.settings, environment={"PRESENCE_GATEWAY_WATCH_STALL_S": "0.5"})
    gateway.wait_until_serving()
    window = (("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 65_535))
    with gateway.connect(*window) as channel:
        stub = type(gateway.scores)(channel)
        call = stub.WatchScores(WatchScoresRequest(), timeout=TIMEOUT_S)
        last = next(call)
        # Somebody else sees the newest score; by then this one has been silent for long, or will be.
        round_ = 1
        ended: grpc.RpcError | None = None
        deadline = time.monotonic() + TIMEOUT_S
        while ended is None:
            round_ += 1
            scores.publish(range(3_000), presence=round_)
            time.sleep(1.0)
            try:
                last = next(call)
            except grpc.RpcError as error:
                ended = error
            assert time.monotonic() < deadline
    assert isinstance(ended, grpc.Call)
    status = rpc_status.from_call(ended)
    assert status is not None
    info = error_details_pb2.ErrorInfo()
    assert any(detail.Unpack(info) for detail in status.details)
    assert (ended.code(), info.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "WATCHER_TOO_SLOW")
    resumed = gateway.scores.WatchScores(
        WatchScoresRequest(resume_token=last.resume_token), timeout=TIMEOUT_S
    )
    newest: dict[str, int] = {}
    for message in resumed:
        newest |= {score.person: score.presence_millipoints for score in message.scores}
        if len(newest) == 3_000 and set(newest.values()) == {round_}:
            break
    assert person(0) in newest
