"""Who may see findings, object to them and decide about them, and what each of that leaves in the log."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from presence.client import Access, Client, InvalidArgument, NotFound, NotPermitted
from presence.client.errors import CallFailed
from presence.events.vocabulary import (
    Category,
    Decision,
    Event,
    EventId,
    Grounds,
    Kind,
    PersonId,
    PersonKind,
    Severity,
)
from presence.log import codec
from presence.log.kafka import producer, read_to_end
from presence.log.settings import Settings
from presence.roster import people
from presence.roster.keys import DataKey, MasterKey
from presence.roster.people import TERMS, ConsentBasis

from .credentials import KEY, NARROW_KEY
from .pki import Issuer
from .test_gateway_security import asking
from .waiting import eventually

__all__ = ["asking"]
"""A fixture."""

NOW_MS = 1_790_000_000_000
LINK = "https://forum.example/acts/2"


@pytest.fixture
def flagged(scores: Any, person: Callable[[int], PersonId]) -> Event:
    """A finding about person 1, and company; before the gateway starts."""
    settings: Settings = scores.settings
    who, key, master = person(1), DataKey.new(), MasterKey.load(settings)
    enrolled = people.Person(
        id=who, kind=PersonKind.PERSON, basis=ConsentBasis.GRANTED, granted_ms=NOW_MS, terms=TERMS,
        sealed_key=master.seal(who, key), master_key_id=master.id,
    )  # fmt: skip
    flag = Event(
        kind=Kind.FLAG, id=EventId(7), ref_id=EventId(7), person=who, severity=Severity.SEVERE, moderator="rules",
        moderator_version="1", confidence_micro=950_000, category=Category.THREAT, occurred_ms=NOW_MS,
        observed_ms=NOW_MS, decision=Decision.FOUND, sealed_ref=key.seal(who, LINK),
    )  # fmt: skip
    company = Event(
        kind=Kind.ASSOCIATES, person=who, mean=70_000, number=2, observed_ms=NOW_MS,
        associates=(person(2), person(999)),
    )  # fmt: skip
    sender = producer(settings)
    sender.send(settings.topics.roster, key=who.encode(), value=people.encode(enrolled))
    for what, event in (("flag/0000000000000007", flag), ("associates", company)):
        sender.send(settings.topics.reasons, key=f"{who}/{what}".encode(), value=codec.encode(event))
    sender.flush()
    sender.close()
    return flag


def logged(settings: Settings) -> Sequence[Event]:
    return [codec.decode(record.value) for record in read_to_end(settings, settings.topics.activity)]


def as_caller(gateway: Any, credential: str) -> Client:
    return Client(gateway.address, access=Access(token=credential), timeout_s=30)


def test_who_may_see_object_and_decide(
    flagged: Event, asking: Any, issuer: Issuer, person: Callable[[int], PersonId]
) -> None:
    who, finding = flagged.person, "0000000000000007"
    with as_caller(asking, KEY) as reader:
        eventually(lambda: bool(reader.list_findings(who)))
        (seen,) = reader.list_findings(who)
        assert (seen.id, seen.severity, seen.moderator, seen.confidence) == (
            finding,
            Severity.SEVERE,
            "rules",
            950_000,
        )
        assert (seen.note, seen.link) == ("", "")
        explained = reader.explain_score(who)
        assert [each.id for each in explained.findings] == [finding]
        assert explained.company is not None
        # Who has no score any more is not named.
        assert (explained.company.mean, explained.company.number) == (70_000, 2)
        assert explained.company.people == (person(2),)
        assert reader.explain_score(person(2)).company is None
        writes: tuple[Callable[[], object], ...] = (
            lambda: reader.decide_finding(who, finding, Decision.WITHDRAWN),
            lambda: reader.create_finding(who, Severity.MINOR, Category.OTHER),
            lambda: reader.appeal_finding(who, finding),
        )
        for write in writes:
            with pytest.raises(NotPermitted):
                write()

    with as_caller(asking, issuer.token("self", sub=who)) as herself:
        assert herself.list_findings(who)[0].link == LINK
        assert herself.appeal_finding(who, finding, note="It was a play.").decision == Decision.APPEALED
        with pytest.raises(NotPermitted):
            herself.decide_finding(who, finding, Decision.WITHDRAWN)
        with pytest.raises(NotPermitted):
            herself.create_finding(who, Severity.MINOR, Category.OTHER)
        with pytest.raises(NotPermitted):
            herself.list_findings(person(2))

    with as_caller(asking, NARROW_KEY) as desk:
        made = [
            desk.create_finding(who, Severity.MINOR, Category.OTHER, request_id="once", note="x" * 500)
            for _ in range(2)
        ]
        assert made[0].id == made[1].id
        withdrawn = desk.decide_finding(
            who, finding, Decision.WITHDRAWN, grounds=Grounds.QUOTATION, note="Quoted."
        )
        assert (withdrawn.withdrawn, withdrawn.operator, withdrawn.note) == (True, "key:enroller", "Quoted.")
        with pytest.raises(NotFound):
            desk.decide_finding(who, "00000000000000ff", Decision.UPHELD)
        with pytest.raises(NotFound):
            desk.create_finding(person(3), Severity.MINOR, Category.OTHER)
        wrongs: tuple[Callable[[], object], ...] = (
            lambda: desk.create_finding(who, Severity.MINOR, Category.OTHER, note="x" * 501),
            lambda: desk.create_finding(who, Severity.UNSPECIFIED, Category.OTHER),
            lambda: desk.create_finding(who, Severity.MINOR, Category.OTHER, occurred_ms=1),
            lambda: desk.decide_finding(who, finding, Decision.APPEALED),
        )
        for wrong in wrongs:
            with pytest.raises(InvalidArgument):
                wrong()

    decisions = [event for event in logged(asking.settings) if event.ref_id == flagged.ref_id]
    assert [event.decision for event in decisions] == [Decision.APPEALED, Decision.WITHDRAWN]
    assert [event.observed_ms for event in decisions] == sorted({event.observed_ms for event in decisions})
    # Whatever was decided, what was found and by whom stays as it was.
    same = {
        replace(
            each, id=flagged.id, observed_ms=NOW_MS, decision=Decision.FOUND, grounds=Grounds.UNSPECIFIED,
            operator="", sealed_note=b"", withdrawn=False,
        )
        for each in decisions
    }  # fmt: skip
    assert same == {flagged}
    assert all(
        b"play" not in codec.encode(event) and b"Quoted" not in codec.encode(event) for event in decisions
    )


def test_without_the_persons_key_nothing_can_be_decided(
    scores: Any, new_gateway: Callable[..., Any], person: Callable[[int], PersonId]
) -> None:
    scores.publish([1])
    gateway = new_gateway(scores.settings)
    gateway.wait_until_serving()
    with (
        Client(gateway.address, timeout_s=30) as client,
        pytest.raises(CallFailed, match="sealed") as refused,
    ):
        client.create_finding(person(1), Severity.MINOR, Category.OTHER)
    assert refused.value.code == "FAILED_PRECONDITION"
