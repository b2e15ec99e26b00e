"""Every question to the gateway as data: its method, its request, and how to read the answer. Both clients ask these."""

from collections.abc import Callable, Iterable
from typing import Any, Generic, NamedTuple, TypeVar

from presence.client import answers
from presence.client.answers import Batch, Explanation, History, Page, Ranked, Simulation
from presence.client.score import Score
from presence.client.score import from_message as score_from
from presence.events.vocabulary import Direction, Object, PersonKind, Severity, Verb
from presence.v1 import event_pb2, service_pb2
from presence.v1.service_pb2_grpc import ScoreServiceStub

T = TypeVar("T")
ACTS_PAGE = 1000


class Question(NamedTuple, Generic[T]):
    """`method` is that of the service; `read` makes the answer of its message."""

    method: str
    request: Any
    read: Callable[[Any], T]
    service: Callable[[Any], Any] = ScoreServiceStub
    """Makes the stub of a channel."""


def get_score(person: str, min_revision: str) -> Question[Score]:
    request = service_pb2.GetScoreRequest(person=person, min_revision=min_revision)
    return Question("GetScore", request, score_from)


def batch_get_scores(people: Iterable[str], min_revision: str) -> Question[Batch]:
    request = service_pb2.BatchGetScoresRequest(people=people, min_revision=min_revision)
    return Question("BatchGetScores", request, answers.batch_from)


def list_scores(
    kind: PersonKind, order_by: str, page_size: int, page_token: str, min_revision: str
) -> Question[Page]:
    request = service_pb2.ListScoresRequest(
        kind=event_pb2.PersonKind.ValueType(kind),
        order_by=order_by,
        page_size=page_size,
        page_token=page_token,
        min_revision=min_revision,
    )
    return Question("ListScores", request, answers.page_from)


def get_rank(person: str, min_revision: str) -> Question[Ranked]:
    request = service_pb2.GetRankRequest(person=person, min_revision=min_revision)
    return Question("GetRank", request, answers.ranked_from)


class Since(NamedTuple):
    """Since when a change is asked for, and how much of what is behind it."""

    day: str = ""
    revision: str = ""
    acts: int = 0
    links: bool = False
    page_token: str = ""


def explain_score(person: str, since: Since, min_revision: str) -> Question[Explanation]:
    request = service_pb2.ExplainScoreRequest(
        person=person,
        since_day=since.day,
        since_revision=since.revision,
        acts_page_size=since.acts,
        acts_page_token=since.page_token,
        links=since.links,
        min_revision=min_revision,
    )
    return Question("ExplainScore", request, answers.explanation_from)


def get_history(
    person: str, first_day: str, last_day: str, page_size: int, page_token: str
) -> Question[History]:
    request = service_pb2.GetHistoryRequest(
        person=person, first_day=first_day, last_day=last_day, page_size=page_size, page_token=page_token
    )
    return Question("GetHistory", request, answers.history_from)


class HypotheticalAct(NamedTuple):
    """An act that there is not: so many times, by as many others where it is received, on a day from now."""

    network: str
    verb: Verb
    object: Object = Object.UNSPECIFIED
    direction: Direction = Direction.TO
    times: int = 1
    in_days: int = 0
    rating: int = 0
    """Of a review: thousandths of a star."""


def simulate_score(
    person: str,
    findings: Iterable[tuple[Severity, int]],
    acts: Iterable[HypotheticalAct],
    days: int,
    step_days: int,
) -> Question[Simulation]:
    request = service_pb2.SimulateScoreRequest(
        person=person,
        findings=[
            service_pb2.HypotheticalFinding(severity=event_pb2.Severity.ValueType(severity), in_days=in_days)
            for severity, in_days in findings
        ],
        acts=[
            service_pb2.HypotheticalAct(
                network=act.network,
                direction=event_pb2.Direction.ValueType(act.direction),
                verb=event_pb2.Verb.ValueType(act.verb),
                object=event_pb2.Object.ValueType(act.object),
                times=act.times,
                in_days=act.in_days,
                rating=act.rating,
            )
            for act in acts
        ],
        days=days,
        step_days=step_days,
    )
    return Question("SimulateScore", request, answers.simulation_from)


def watch_scores(people: Iterable[str], resume_token: str) -> service_pb2.WatchScoresRequest:
    """The request of a watch."""
    return service_pb2.WatchScoresRequest(people=people, resume_token=resume_token)
