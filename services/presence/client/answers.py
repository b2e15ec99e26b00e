"""What the gateway answers, but for scores themselves: frozen data. Units are those of `service.proto`."""

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from presence.client import acts, findings
from presence.client.acts import Acts
from presence.client.findings import Finding
from presence.client.score import Reason, Score, kind_from, reason_from
from presence.client.score import from_message as score_from
from presence.events.vocabulary import PersonId, PersonKind
from presence.v1 import service_pb2


class Batch(NamedTuple):
    """The scores that were found, in the order asked for, and who has none."""

    scores: tuple[Score, ...]
    not_found: tuple[str, ...]


class Page(NamedTuple):
    """Some scores of a list, the token of the next page (empty: there is none), and how many the list has."""

    scores: tuple[Score, ...]
    next_page_token: str
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rank:
    """A place by presence."""

    rank: int
    """1 and the number of people who score more."""
    ties: int
    """How many have exactly this presence, oneself included."""
    people: int
    percentile: int
    """The share of people who do not score more, micro."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """Where somebody stands."""

    person: PersonId
    kind: PersonKind
    presence: int
    among_all: Rank
    within_kind: Rank

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self) | {"kind": self.kind.name.lower()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What lies between the close of `day`, or a revision, and now; the reasons add up to the change of presence."""

    day: str
    """Empty: the change is since a revision."""
    presence: int
    """Then, millipoints."""
    revision: str
    reasons: tuple[Reason, ...]
    events: int
    acts: Acts
    """The first of what the log holds since, if asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """The mean score, millipoints, of `number` people; `people` are those who weigh most, the most first."""

    mean: int
    number: int
    people: tuple[PersonId, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why a score is what it is; the reasons add up to `presence`."""

    person: PersonId
    kind: PersonKind
    model: str
    revision: str
    as_of_ms: int
    presence: int
    reasons: tuple[Reason, ...]
    change: Change | None
    findings: tuple[Finding, ...] = ()
    """Those that stand, behind the reason `conduct`."""
    company: Company | None = None
    """What is behind the reason `associates`."""

    def as_dict(self) -> dict[str, Any]:
        """For JSON, as `Score.as_dict`."""
        found = asdict(self) | {"kind": self.kind.name.lower()}
        found["findings"] = [each.as_dict() for each in self.findings]
        if self.change is not None:
            shown = [act.as_dict() for act in self.change.acts.acts]
            found["change"] |= {"acts": shown, "records_left": self.change.acts.records_left}
        for row in (*found["reasons"], *(found["change"]["reasons"] if found["change"] else ())):
            row["account"] = f"{row['account']:016x}" if row["account"] else ""
        return found


class Closing(NamedTuple):
    """A score as a day of UTC closed, such as `2026-11-23`."""

    day: str
    score: Score


class History(NamedTuple):
    """Some closings, and the token of the next page; empty: there is none."""

    closings: tuple[Closing, ...]
    next_page_token: str


class Point(NamedTuple):
    """A day of a simulation: millipoints, and what findings leave of the score, micro."""

    in_days: int
    presence: int
    factor: int
    otherwise: int | None = None
    """With acts: the score of that day without anything hypothetical, millipoints."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """What a score would become."""

    person: PersonId
    revision: str
    presence: int
    unharmed: int
    """What the score would be without any finding, millipoints."""
    curve: tuple[Point, ...]
    nine_tenths_days: int | None
    """From when on nine tenths of `unharmed` are there again; None: not within the curve."""
    at_least: bool
    """More may be open than the score shows, and the way back be longer."""
    reasons: tuple[Reason, ...]
    """With acts: what each reason gains or loses on the day of the last of what is hypothetical."""

    def as_dict(self) -> dict[str, Any]:
        """For JSON, as `Score.as_dict`."""
        found = asdict(self) | {"curve": [point._asdict() for point in self.curve]}
        for row in found["reasons"]:
            row["account"] = f"{row['account']:016x}" if row["account"] else ""
        return found


def batch_from(message: service_pb2.BatchGetScoresResponse) -> Batch:
    return Batch(tuple(map(score_from, message.scores)), tuple(message.not_found))


def page_from(message: service_pb2.ListScoresResponse) -> Page:
    return Page(tuple(map(score_from, message.scores)), message.next_page_token, message.total_size)


def ranked_from(message: service_pb2.GetRankResponse) -> Ranked:
    return Ranked(
        person=PersonId(message.person),
        kind=kind_from(message.kind),
        presence=message.presence_millipoints,
        among_all=_rank(message.among_all),
        within_kind=_rank(message.within_kind),
    )


def explanation_from(message: service_pb2.ExplainScoreResponse) -> Explanation:
    change = None
    if message.HasField("change"):
        change = Change(
            day=message.change.day,
            presence=message.change.presence_millipoints,
            revision=message.change.revision,
            reasons=tuple(map(reason_from, message.change.entries)),
            events=message.change.events,
            acts=acts.page_from(message.change),
        )
    return Explanation(
        person=PersonId(message.person),
        kind=kind_from(message.kind),
        model=message.model.name,
        revision=message.revision,
        as_of_ms=message.as_of_time.ToMilliseconds(),
        presence=message.presence_millipoints,
        reasons=tuple(reason_from(row.entry) for row in message.reasons),
        change=change,
        findings=tuple(map(findings.from_message, message.findings)),
        company=_company(message.company) if message.HasField("company") else None,
    )


def _company(message: service_pb2.Company) -> Company:
    return Company(
        mean=message.mean_millipoints, number=message.number, people=tuple(map(PersonId, message.people))
    )


def history_from(message: service_pb2.GetHistoryResponse) -> History:
    closings = tuple(Closing(row.day, score_from(row.score)) for row in message.closings)
    return History(closings, message.next_page_token)


def simulation_from(message: service_pb2.SimulateScoreResponse) -> Simulation:
    return Simulation(
        person=PersonId(message.person),
        revision=message.revision,
        presence=message.presence_millipoints,
        unharmed=message.unharmed_millipoints,
        curve=tuple(
            Point(
                row.in_days,
                row.presence_millipoints,
                row.conduct_factor_micro,
                row.otherwise_millipoints if row.HasField("otherwise_millipoints") else None,
            )
            for row in message.curve
        ),
        nine_tenths_days=message.nine_tenths_days if message.HasField("nine_tenths_days") else None,
        at_least=message.at_least,
        reasons=tuple(map(reason_from, message.entries)),
    )


def _rank(message: service_pb2.Rank) -> Rank:
    return Rank(
        rank=message.rank,
        ties=message.ties,
        people=message.people,
        percentile=message.percentile_micro,
    )
