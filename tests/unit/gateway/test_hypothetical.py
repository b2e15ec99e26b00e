"""Hypothetical acts: what is refused, and the events that the model is given."""

import pytest

from presence.events import door
from presence.events.vocabulary import Direction, Kind, PersonId, Severity
from presence.gateway import hypothetical
from presence.gateway.refusals import Refused
from presence.gateway.simulate import Finding
from presence.log.topics import DAY_MS
from presence.v1.event_pb2 import DIRECTION_BY, DIRECTION_TO, VERB_CREATE, VERB_LIKE, VERB_REVIEW
from presence.v1.service_pb2 import HypotheticalAct

SOMEBODY = PersonId("p_" + "b" * 26)
NOW_MS = 1_790_000_000_000
LIKE = HypotheticalAct(network="x", direction=DIRECTION_TO, verb=VERB_LIKE)


@pytest.mark.parametrize(
    ("act", "field"),
    [
        (HypotheticalAct(verb=VERB_LIKE), "acts[0]"),
        (HypotheticalAct(network="X y", verb=VERB_LIKE), "acts[0]"),
        (HypotheticalAct(network="x"), "acts[0]"),
        (HypotheticalAct(network="x", verb=999), "acts[0]"),  # type: ignore[arg-type]
        (HypotheticalAct(network="google", verb=VERB_REVIEW), "acts[0]"),
        (HypotheticalAct(network="google", verb=VERB_REVIEW, rating=6_000), "acts[0]"),
        (HypotheticalAct(network="x", verb=VERB_LIKE, times=1_001), "acts[0].times"),
        (HypotheticalAct(network="x", verb=VERB_LIKE, times=-1), "acts[0].times"),
        (HypotheticalAct(network="x", verb=VERB_LIKE, in_days=3_651), "acts[0].in_days"),
    ],
)
def test_an_act_that_cannot_be_is_refused_by_its_field(act: HypotheticalAct, field: str) -> None:
    with pytest.raises(Refused) as refused:
        hypothetical.acts("acts", [act])
    assert [violation.field for violation in refused.value.violations] == [field]


@pytest.mark.parametrize(
    "acts", [[LIKE] * 21, [HypotheticalAct(network="x", verb=VERB_LIKE, times=1_000)] * 6]
)
def test_too_many_are_refused(acts: list[HypotheticalAct]) -> None:
    with pytest.raises(Refused) as refused:
        hypothetical.acts("acts", acts)
    assert [violation.field for violation in refused.value.violations] == ["acts"]


def test_acts_become_events_of_the_person_that_the_log_would_take() -> None:
    wanted = hypothetical.acts(
        "acts",
        [
            HypotheticalAct(network="x", verb=VERB_LIKE, times=3, in_days=7),
            HypotheticalAct(network="blog", direction=DIRECTION_BY, verb=VERB_CREATE),
        ],
    )
    findings = [Finding(Severity.MINOR, 30)]
    found = hypothetical.events(SOMEBODY, NOW_MS, (wanted, findings), {"x": 99}, frozenset())
    likes, post, flag = found[:3], found[3], found[4]
    assert all(door.check(event) is event and event.person == SOMEBODY for event in found)
    assert len({event.id for event in found}) == len(found)
    assert len({event.actor for event in likes}) == 3
    assert {(event.account, event.occurred_ms) for event in likes} == {(99, NOW_MS + 7 * DAY_MS)}
    assert (post.direction, post.actor, post.account) == (Direction.BY, 0, 1)
    assert (flag.kind, flag.severity, flag.occurred_ms) == (Kind.FLAG, Severity.MINOR, NOW_MS + 30 * DAY_MS)


def test_a_hypothetical_finding_never_replaces_one_that_there_is() -> None:
    first = hypothetical.events(SOMEBODY, NOW_MS, ([], [Finding(Severity.MINOR, 0)]), {}, frozenset())
    taken = frozenset({int(first[0].ref_id)})
    again = hypothetical.events(SOMEBODY, NOW_MS, ([], [Finding(Severity.MINOR, 0)]), {}, taken)
    assert again[0].ref_id not in taken
