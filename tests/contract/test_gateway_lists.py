"""ListScores, GetRank and min_revision, and a gateway of several processes, over a socket."""

import os
import signal
from collections.abc import Callable
from typing import Any

import grpc
import psutil
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from presence.log.revision import Revision, encode
from presence.v1.event_pb2 import PersonKind
from presence.v1.score_pb2 import Pillars
from presence.v1.service_pb2 import (
    BatchGetScoresRequest,
    GetRankRequest,
    GetScoreRequest,
    ListScoresRequest,
    WatchScoresRequest,
)
from presence.v1.service_pb2_grpc import ScoreServiceStub

from .waiting import eventually

Person = Callable[[int], str]
NewGateway = Callable[..., Any]
TIMEOUT_S = 30.0
PERSON, BUSINESS, UNKNOWN = map(PersonKind.ValueType, (1, 2, 9))


def caught_up_with(gateway: Any, *people: str) -> str:
    """Return when the gateway has a score of each, with the token of the watch."""
    waiting = set(people)
    for message in gateway.scores.WatchScores(WatchScoresRequest(people=people), timeout=TIMEOUT_S):
        waiting -= {score.person for score in message.scores}
        if not waiting:
            return str(message.resume_token)
    raise AssertionError(waiting)


def refused(call: Callable[..., Any], request: Any) -> tuple[grpc.StatusCode, str, set[str]]:
    with pytest.raises(grpc.RpcError) as error:
        call(request, timeout=TIMEOUT_S)
    assert isinstance(error.value, grpc.Call)
    status = rpc_status.from_call(error.value)
    assert status is not None
    info, bad_request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for detail in status.details:
        detail.Unpack(info)
        detail.Unpack(bad_request)
    return error.value.code(), info.reason, {row.field for row in bad_request.field_violations}


def test_a_list_goes_page_by_page_in_the_order_asked_for(gateway: Any, scores: Any, person: Person) -> None:
    for number in range(10):
        kind = BUSINESS if number % 3 == 0 else PERSON
        scores.publish([number], presence=1000 * number, kind=kind, pillars=Pillars(voice=100 - number))
    caught_up_with(gateway, *map(person, range(10)))

    def listed(**asked: Any) -> list[str]:
        found: list[str] = []
        token = ""
        while True:
            page = gateway.scores.ListScores(ListScoresRequest(page_token=token, **asked), timeout=TIMEOUT_S)
            found += [score.person for score in page.scores]
            token = page.next_page_token
            if not token:
                assert page.total_size == len(found)
                return found

    best_first = [person(number) for number in range(9, -1, -1)]
    assert listed() == best_first
    assert listed(page_size=3) == best_first
    assert listed(order_by="presence", page_size=1) == best_first[::-1]
    assert listed(order_by="voice desc", page_size=4) == best_first[::-1]
    assert listed(kind=BUSINESS, page_size=2) == [person(number) for number in (9, 6, 3, 0)]
    assert listed(kind=PERSON, order_by="voice asc") == [person(number) for number in (8, 7, 5, 4, 2, 1)]
    malformed = grpc.StatusCode.INVALID_ARGUMENT, "REQUEST_MALFORMED"
    call = gateway.scores.ListScores
    assert refused(call, ListScoresRequest(order_by="name")) == (*malformed, {"order_by"})
    assert refused(call, ListScoresRequest(order_by="presence down", kind=UNKNOWN)) == (
        *malformed,
        {"order_by", "kind"},
    )
    assert refused(call, ListScoresRequest(page_size=-1)) == (*malformed, {"page_size"})
    assert refused(call, ListScoresRequest(page_token="x")) == (*malformed, {"page_token"})
    first = call(ListScoresRequest(page_size=2), timeout=TIMEOUT_S)
    other = ListScoresRequest(page_token=first.next_page_token, order_by="voice")
    assert refused(call, other) == (*malformed, {"page_token"})


def test_a_rank_is_exact_and_follows_every_change(gateway: Any, scores: Any, person: Person) -> None:
    for number, (presence, kind) in enumerate([(10, PERSON), (20, PERSON), (20, BUSINESS), (30, BUSINESS)]):
        scores.publish([number], presence=presence, kind=kind)
    caught_up_with(gateway, *map(person, range(4)))

    def rank(number: int) -> tuple[tuple[int, int, int, int], tuple[int, int, int, int]]:
        found = gateway.scores.GetRank(GetRankRequest(person=person(number)), timeout=TIMEOUT_S)
        assert found.person == person(number)
        both = found.among_all, found.within_kind
        first, second = ((row.rank, row.ties, row.people, row.percentile_micro) for row in both)
        return first, second

    assert rank(3) == ((1, 1, 4, 1_000_000), (1, 1, 2, 1_000_000))
    assert rank(1) == ((2, 2, 4, 750_000), (1, 1, 2, 1_000_000))
    assert rank(2) == ((2, 2, 4, 750_000), (2, 1, 2, 500_000))
    assert rank(0) == ((4, 1, 4, 250_000), (2, 1, 2, 500_000))
    scores.publish([0], presence=100_000, kind=BUSINESS)
    scores.erase(3)
    scores.publish([5], presence=0, kind=PERSON)
    caught_up_with(gateway, person(5))
    # Other partitions may be a moment behind.
    eventually(lambda: rank(0) == ((1, 1, 4, 1_000_000), (1, 1, 2, 1_000_000)))
    eventually(lambda: rank(5) == ((4, 1, 4, 250_000), (2, 1, 2, 500_000)))
    gone = refused(gateway.scores.GetRank, GetRankRequest(person=person(3)))
    assert gone == (grpc.StatusCode.NOT_FOUND, "PERSON_UNKNOWN", set())
    assert refused(gateway.scores.GetRank, GetRankRequest(person="bob"))[2] == {"person"}


def test_a_read_waits_for_the_revision_it_asks_for(gateway: Any, scores: Any, person: Person) -> None:
    scores.publish([1], presence=1)
    token = caught_up_with(gateway, person(1))
    stub = gateway.scores
    have = stub.GetScore(GetScoreRequest(person=person(1)), timeout=TIMEOUT_S).revision
    newer = encode(Revision(0, 1_000))
    late = grpc.StatusCode.UNAVAILABLE, "REVISION_NOT_REACHED", set[str]()

    def soon(call: Any, request: Any) -> Any:
        return call(request, timeout=1.0)

    for least in (have, token):
        assert soon(stub.GetScore, GetScoreRequest(person=person(1), min_revision=least)).presence_millipoints
        assert soon(stub.GetRank, GetRankRequest(person=person(1), min_revision=least)).among_all.rank == 1
    assert soon(stub.BatchGetScores, BatchGetScoresRequest(people=[person(1)], min_revision=token)).scores
    assert soon(stub.ListScores, ListScoresRequest(min_revision=token)).scores
    assert refused(stub.GetScore, GetScoreRequest(person=person(1), min_revision=newer)) == late
    waiting = stub.GetScore.future(GetScoreRequest(person=person(1), min_revision=newer), timeout=TIMEOUT_S)
    scores.publish([1], presence=2, revision=1_000)
    assert waiting.result().presence_millipoints == 2
    for request in (
        GetScoreRequest(person=person(1), min_revision="x"),
        GetScoreRequest(person=person(1), min_revision="?" * 18),
    ):
        assert refused(stub.GetScore, request)[2] == {"min_revision"}
    of_a_person = BatchGetScoresRequest(people=[person(1)], min_revision=have)
    assert refused(stub.BatchGetScores, of_a_person)[2] == {"min_revision"}


def test_three_processes_share_a_port_and_a_killed_one_is_replaced(
    scores: Any, new_gateway: NewGateway, person: Person
) -> None:
    scores.publish([1], presence=7)
    gateway = new_gateway(scores.settings, environment={"PRESENCE_GATEWAY_PROCESSES": "3"})
    gateway.wait_until_serving()
    writer = psutil.Process(gateway.process.pid)
    servers = {child.pid for child in writer.children()}
    assert len(servers) == 3

    def presence() -> int:
        """By a connection of its own, and so by any of the processes."""
        with gateway.connect() as channel:
            request = GetScoreRequest(person=person(1))
            return int(ScoreServiceStub(channel).GetScore(request, timeout=TIMEOUT_S).presence_millipoints)

    assert {presence() for _ in range(20)} == {7}
    victim = min(servers)
    os.kill(victim, signal.SIGKILL)
    eventually(lambda: len({child.pid for child in writer.children()} - {victim}) == 3)
    alive = {child.pid for child in writer.children()}
    assert alive > servers - {victim}
    gateway.logged("server_ended")
    scores.publish([1], presence=8)
    eventually(lambda: presence() == 8)
    gateway.process.send_signal(signal.SIGTERM)
    assert gateway.process.wait(TIMEOUT_S) == 0
    assert not [pid for pid in alive if psutil.pid_exists(pid)]
