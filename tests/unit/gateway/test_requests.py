"""What is refused at the door of the API, and what the refusal says."""

from collections.abc import Callable

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2

from presence.events.vocabulary import PersonId
from presence.gateway import requests
from presence.gateway.refusals import VIOLATIONS_MAX, Refused
from presence.gateway.wire import batch_response, framed, watch_response
from presence.v1.score_pb2 import Score
from presence.v1.service_pb2 import BatchGetScoresResponse, WatchScoresResponse

Person = Callable[[int], PersonId]


@pytest.mark.parametrize(
    "given",
    [
        "",
        "p_" + "a" * 25,
        "p_" + "a" * 27,
        "q_" + "a" * 26,
        "p_" + "A" * 26,
        "p_" + "1" * 26,
        "p_" + "á" * 26,
        "p_" + "a" * 26 + "\n",
    ],
)
def test_a_malformed_person_is_refused(given: str) -> None:
    with pytest.raises(Refused) as refused:
        requests.person("person", given)
    assert [violation.field for violation in refused.value.violations] == ["person"]


@pytest.mark.parametrize("count", [0, 1001])
def test_too_few_and_too_many_are_refused(person: Person, count: int) -> None:
    with pytest.raises(Refused) as refused:
        requests.people("people", [person(1)] * count, people_min=1)
    assert str(count) in refused.value.violations[0].description


def test_every_wrong_field_is_named_at_once(person: Person) -> None:
    with pytest.raises(Refused) as refused:
        requests.people("people", [person(1), "x", person(2), person(1)], people_min=1)
    assert list(refused.value.violations) == [
        ("people[1]", "must be `p_` and 26 characters of [a-z2-7]"),
        ("people[3]", "repeats people[0]"),
    ]


def test_a_refusal_stays_small() -> None:
    with pytest.raises(Refused) as refused:
        requests.people("people", [str(number) for number in range(1000)], people_min=1)
    assert len(refused.value.violations) == VIOLATIONS_MAX


def test_a_refusal_is_a_status_with_its_details() -> None:
    with pytest.raises(Refused) as refused:
        requests.resume_token("resume_token", "?")
    status = status_pb2.Status.FromString(refused.value.status())
    info, bad_request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    assert status.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
    assert status.details[0].Unpack(info)
    assert status.details[1].Unpack(bad_request)
    assert (info.domain, info.reason) == ("presence.v1", "REQUEST_MALFORMED")
    assert bad_request.field_violations[0].field == "resume_token"


@pytest.mark.parametrize("name_length", [0, 1, 100, 127, 128, 20_000, 3_000_000])
def test_framed_bytes_are_the_message_that_protobuf_would_write(name_length: int) -> None:
    scores = [Score(person="x" * name_length), Score(person="y"), Score()]
    stored = [score.SerializeToString() for score in scores]
    batch = BatchGetScoresResponse(scores=scores, not_found=["a", "b"])
    assert batch_response(map(framed, stored), ["a", "b"]) == batch.SerializeToString(deterministic=True)
    watch = WatchScoresResponse(scores=scores, resume_token="t", caught_up=True)
    assert watch_response(map(framed, stored), resume_token="t", caught_up=True) == watch.SerializeToString(
        deterministic=True
    )
