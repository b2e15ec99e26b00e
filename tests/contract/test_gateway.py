"""The API of the gateway as any client of gRPC meets it: a running process, a real socket, a real broker."""

import time
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from presence.gateway.resume import DeploymentId, ResumeToken, decode, encode
from presence.log.settings import Settings
from presence.v1.service_pb2 import (
    BatchGetScoresRequest,
    GetScoreRequest,
    WatchScoresRequest,
)

from .watching import TIMEOUT_S, Gateway, Person, Scores, Watching, refusal


def test_a_score_comes_back_as_it_was_published(gateway: Gateway, scores: Scores, person: Person) -> None:
    scores.publish([1], presence=41_234)
    Watching(gateway).until(person(1), 41_234)
    score = gateway.scores.GetScore(GetScoreRequest(person=person(1)), timeout=TIMEOUT_S)
    assert (score.person, score.presence_millipoints) == (person(1), 41_234)


def test_a_batch_keeps_the_order_asked_for_and_names_who_has_no_score(
    gateway: Gateway, scores: Scores, person: Person
) -> None:
    scores.publish([1, 2, 3])
    watching = Watching(gateway)
    while watching.seen < 3:
        watching.next()
    asked = [person(3), person(9), person(1), person(8)]
    answer = gateway.scores.BatchGetScores(BatchGetScoresRequest(people=asked), timeout=TIMEOUT_S)
    assert [score.person for score in answer.scores] == [person(3), person(1)]
    assert list(answer.not_found) == [person(9), person(8)]


def test_each_wrong_request_is_refused_with_its_details(gateway: Gateway, person: Person) -> None:
    def refused(call: Any, request: Any) -> tuple[grpc.StatusCode, str, dict[str, str]]:
        with pytest.raises(grpc.RpcError) as error:
            call(request, timeout=TIMEOUT_S)
        return refusal(error.value)

    def watch(request: WatchScoresRequest, *, timeout: float) -> Any:
        return next(gateway.scores.WatchScores(request, timeout=timeout))

    stub = gateway.scores
    malformed = grpc.StatusCode.INVALID_ARGUMENT, "REQUEST_MALFORMED"
    rule = "must be `p_` and 26 characters of [a-z2-7]"
    assert refused(stub.GetScore, GetScoreRequest(person=person(1))) == (
        grpc.StatusCode.NOT_FOUND,
        "PERSON_UNKNOWN",
        {},
    )
    assert refused(stub.GetScore, GetScoreRequest(person="bob")) == (*malformed, {"person": rule})
    assert refused(stub.GetScore, GetScoreRequest()) == (*malformed, {"person": rule})
    assert refused(stub.BatchGetScores, BatchGetScoresRequest()) == (
        *malformed,
        {"people": "must hold 1 to 1000 ids, not 0"},
    )
    many = [person(number) for number in range(1001)]
    assert refused(stub.BatchGetScores, BatchGetScoresRequest(people=many)) == (
        *malformed,
        {"people": "must hold 1 to 1000 ids, not 1001"},
    )
    wrong = [person(1), "bob", person(1)]
    for call, request in (
        (stub.BatchGetScores, BatchGetScoresRequest(people=wrong)),
        (watch, WatchScoresRequest(people=wrong)),
    ):
        assert refused(call, request) == (*malformed, {"people[1]": rule, "people[2]": "repeats people[0]"})
    assert refused(watch, WatchScoresRequest(people=many))[0] == grpc.StatusCode.INVALID_ARGUMENT
    assert refused(watch, WatchScoresRequest(resume_token="garbage"))[2].keys() == {"resume_token"}
    unknown: tuple[grpc.StatusCode, str, dict[str, str]] = (
        grpc.StatusCode.OUT_OF_RANGE,
        "RESUME_TOKEN_UNKNOWN",
        {},
    )
    foreign = encode(ResumeToken(DeploymentId(b"elsewher"), (0,) * 4))
    assert refused(watch, WatchScoresRequest(resume_token=foreign)) == unknown
    watching = Watching(gateway)
    watching.until_caught_up()
    token = decode(watching.resume_token)
    newer = encode(token._replace(positions=tuple(offset + 10 for offset in token.positions)))
    assert refused(watch, WatchScoresRequest(resume_token=newer)) == unknown


def test_a_request_that_is_too_large_or_no_protobuf_fails_alone(gateway: Gateway, person: Person) -> None:
    get: Any = gateway.channel.unary_unary("/presence.v1.ScoreService/GetScore")
    for request in (b"\xff" * 10, b"\x0a" + b"\xff\xff\xff\x7f" + b"x" * 10, b"x" * 1_000_000):
        with pytest.raises(grpc.RpcError):
            get(request, timeout=TIMEOUT_S)
    with pytest.raises(grpc.RpcError) as error:
        gateway.scores.GetScore(GetScoreRequest(person=person(1)), timeout=TIMEOUT_S)
    assert refusal(error.value)[0] == grpc.StatusCode.NOT_FOUND


def test_a_watch_ends_at_its_deadline_or_when_cancelled_and_holds_nobody_up(
    gateway: Gateway, scores: Scores, person: Person
) -> None:
    short = gateway.scores.WatchScores(WatchScoresRequest(), timeout=0.5)
    with pytest.raises(grpc.RpcError) as error:
        for _ in short:
            pass
    assert error.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    left = Watching(gateway)
    left.until_caught_up()
    left.call.cancel()
    with pytest.raises(grpc.RpcError) as error:
        left.next()
    assert error.value.code() == grpc.StatusCode.CANCELLED
    stays = Watching(gateway)
    scores.publish([1], presence=7)
    stays.until(person(1), 7)


def test_a_watch_gives_the_present_then_each_change_of_those_watched(
    gateway: Gateway, scores: Scores, person: Person
) -> None:
    scores.publish(range(100), presence=5)
    everybody = Watching(gateway)
    while everybody.seen < 100:
        everybody.next()
    two = Watching(gateway, person(1), person(2))
    two.until_caught_up()
    assert two.presence == {person(1): 5, person(2): 5}
    scores.publish([3, 2], presence=6)
    two.until(person(2), 6)
    everybody.until(person(2), 6)
    everybody.until(person(3), 6)
    assert person(3) not in two.presence


def test_an_older_revision_is_never_seen(gateway: Gateway, scores: Scores, person: Person) -> None:
    watching = Watching(gateway)
    scores.publish([1], presence=500, revision=50)
    scores.publish([1], presence=400, revision=40)
    scores.publish([1], presence=600, revision=60)
    seen: list[int] = []
    while 600 not in seen:
        seen += [score.presence_millipoints for score in watching.next().scores]
    assert 400 not in seen
    scores.publish([1], presence=300, revision=30)
    scores.publish([2], presence=1)
    watching.until(person(2), 1)
    score = gateway.scores.GetScore(GetScoreRequest(person=person(1)), timeout=TIMEOUT_S)
    assert score.presence_millipoints == 600
    assert gateway.logged("older_revisions_passed_over")["records"] == "1"


def test_who_is_erased_has_no_score(gateway: Gateway, scores: Scores, person: Person) -> None:
    watching = Watching(gateway)
    scores.publish([1, 2], presence=5)
    watching.until(person(2), 5)
    watching.until(person(1), 5)
    scores.erase(1)
    deadline = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline:
        answer = gateway.scores.BatchGetScores(
            BatchGetScoresRequest(people=[person(1), person(2)]), timeout=TIMEOUT_S
        )
        if answer.not_found:
            break
    assert list(answer.not_found) == [person(1)]
    late = Watching(gateway)
    late.until_caught_up()
    assert late.presence == {person(2): 5}


def test_a_watch_goes_on_after_kill_9_of_the_gateway(
    gateway: Gateway, scores: Scores, person: Person
) -> None:
    scores.publish(range(50), presence=1)
    before = Watching(gateway)
    while before.seen < 50:
        before.next()
    gateway.kill()
    scores.publish([7, 8], presence=2)
    gateway.start()
    gateway.wait_until_serving()
    after = Watching(gateway, resume_token=before.resume_token)
    after.until_caught_up()
    assert after.presence == {person(7): 2, person(8): 2}
    scores.publish([9], presence=3)
    after.until(person(9), 3)
    assert after.seen == 3


def test_ten_thousand_scores_are_caught_up_with_before_health_says_serving(
    scores: Scores, new_gateway: Callable[[Settings], Gateway], person: Person
) -> None:
    scores.publish(range(10_000), presence=1)
    scores.publish(range(0, 10_000, 100), presence=2)
    gateway = new_gateway(scores.settings)
    gateway.wait_until_serving()
    score = gateway.scores.GetScore(GetScoreRequest(person=person(9_900)), timeout=TIMEOUT_S)
    assert score.presence_millipoints == 2
    watching = Watching(gateway)
    watching.until_caught_up()
    assert watching.seen == 10_000
    assert sum(presence == 2 for presence in watching.presence.values()) == 100


def test_a_watcher_that_does_not_read_delays_nobody_and_ends_with_the_newest(
    gateway: Gateway, scores: Scores, person: Person
) -> None:
    # A window that does not grow: what is under way to this client is less than a tenth of what is published.
    window = (("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 65_535))
    rounds, people = 60, 500
    with gateway.connect(*window) as channel:
        slow = Watching(gateway, channel=channel)
        slow.until_caught_up()
        for round_ in range(1, rounds + 1):
            scores.publish(range(people), presence=round_)
        brisk = Watching(gateway)
        brisk.until(person(people - 1), rounds)
        brisk.until(person(0), rounds)
        while set(slow.presence.values()) != {rounds} or len(slow.presence) < people:
            slow.next()
        assert slow.seen < rounds * people
        assert slow.conflated == rounds * people - slow.seen


def test_reflection_lists_the_service(gateway: Gateway) -> None:
    stub = reflection_pb2_grpc.ServerReflectionStub(gateway.channel)
    asked = [
        reflection_pb2.ServerReflectionRequest(list_services=""),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol="presence.v1.ScoreService"),
    ]
    services, described = stub.ServerReflectionInfo(iter(asked), timeout=TIMEOUT_S)
    names = {service.name for service in services.list_services_response.service}
    assert names >= {"presence.v1.ScoreService", "grpc.health.v1.Health"}
    assert described.file_descriptor_response.file_descriptor_proto
