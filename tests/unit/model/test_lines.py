import json
from dataclasses import fields
from typing import Any

import pytest

from presence.events import lines
from presence.events.errors import CallerError, InvalidEvent
from presence.events.vocabulary import (
    Direction,
    Event,
    EventId,
    Gauge,
    Kind,
    Network,
    Object,
    PersonId,
    Severity,
    Verb,
)

LIKE = {
    "kind": "ACTIVITY",
    "id": 2**64 - 1,
    "person": "anybody at all",
    "network": "x",
    "account": 2**63,
    "direction": "TO",
    "verb": "Like",
    "object": "Note",
    "actor": 5,
    "occurred_ms": 1_700_000_000_000,
    "observed_ms": 1_700_000_000_001,
    "magnitude": 1,
}
GAUGE = {"kind": "GAUGE", "person": "p", "network": "x", "gauge": "FOLLOWERS", "observed_ms": 1}

FLAG = {"kind": "FLAG", "person": "p", "ref_id": 5, "severity": "severe"} | {
    "occurred_ms": 1_700_000_000_000,
    "observed_ms": 1_700_000_000_000,
}
COMPANY = {"kind": "ASSOCIATES", "person": "p", "mean": 1, "number": 1, "observed_ms": 1}


def line(told: Any, **changes: Any) -> bytes:
    return json.dumps(told | changes).encode()


def test_a_line_is_the_event_with_the_rest_at_its_default() -> None:
    event = lines.parse(line(LIKE))
    assert event.id == 2**64 - 1
    assert (event.direction, event.verb, event.object) == (Direction.TO, Verb.LIKE, Object.NOTE)
    assert event.ref_id == event.mean == 0
    told = {field.name: getattr(event, field.name) for field in fields(Event)}
    assert {name for name, value in told.items() if value} == set(LIKE)


def test_what_is_written_is_read_again_and_says_no_more_than_it_must() -> None:
    told = Event(
        kind=Kind.ACTIVITY,
        observed_ms=1_780_000_000_000,
        id=EventId(2**64 - 1),
        person=PersonId("ada"),
        network=Network("bluesky"),
        direction=Direction.BY,
        verb=Verb.JOB_APPROACH,
        object=Object.NOTE,
        occurred_ms=1_780_000_000_000,
        magnitude=1,
        in_reply_to_other=True,
        sealed_ref=b"\x00\xff",
    )
    line = lines.write(told)
    assert lines.parse(line.encode()) == told
    assert set(json.loads(line)) == {
        field.name for field in fields(Event) if getattr(told, field.name) != field.default
    }


@pytest.mark.parametrize("spelled", ["JobApproach", "JOB_APPROACH", "job_approach", "jobapproach"])
def test_words_are_read_in_any_usual_spelling(spelled: str) -> None:
    assert lines.parse(line(LIKE, verb=spelled)).verb == Verb.JOB_APPROACH


def test_every_kind_of_record_can_be_told() -> None:
    every = [
        {"kind": "ENROLLED", "person": "p", "person_kind": "Business", "observed_ms": 1},
        LIKE,
        GAUGE | {"value": 10**12},
        {"kind": "UNDO", "person": "p", "ref_id": 5, "observed_ms": 1},
        {"kind": "FLAG", "person": "p", "ref_id": 5, "severity": "severe", "withdrawn": True}
        | {"occurred_ms": 1_700_000_000_000, "observed_ms": 1_700_000_000_000},
        {"kind": "ASSOCIATES", "person": "p", "mean": 100_000, "number": 1, "observed_ms": 1}
        | {"associates": ["p_a", "p_b"]},
        {"kind": "CLOCK", "observed_ms": 5},
        {"kind": "WATERMARK", "network": "x", "complete_ms": 5, "observed_ms": 5},
        {"kind": "UNLINKED", "person": "p", "network": "x", "account": 1, "observed_ms": 5},
        {"kind": "ERASED", "person": "p", "observed_ms": 5, "sealed_ref": "00ff"},
    ]
    events = list(lines.read(json.dumps(one).encode() for one in every))
    assert [event.kind for event in events] == [kind for kind in Kind if kind]
    assert events[2].gauge == Gauge.FOLLOWERS
    assert events[4].severity == Severity.SEVERE
    assert events[5].associates == ("p_a", "p_b")
    assert lines.parse(lines.write(events[5]).encode()) == events[5]
    assert events[-1].sealed_ref == b"\x00\xff"


BAD = [
    (b"{", "json"),
    (b"[]", "json"),
    (b"null", "json"),
    (b"\xff", "json"),
    (b"[" * 60_000, "json"),
    (b'{"kind": "CLOCK", "observed_ms": ' + b"9" * 5_000 + b"}", "json"),
    (b" " * (lines.LINE_BYTES_MAX + 1), "json"),
    (line(LIKE, colour="red"), "field"),
    (b'{"observed_ms": 5}', "field"),
    (b'{"kind": "CLOCK"}', "field"),
    (line(LIKE, verb="Shout"), "type: verb"),
    (line(LIKE, verb="UNSPECIFIED"), "type: verb"),
    (line(LIKE, verb=3), "type: verb"),
    (line(LIKE, kind=None), "type: kind"),
    (line(LIKE, magnitude=1.0), "type: magnitude"),
    (line(LIKE, magnitude="1"), "type: magnitude"),
    (line(LIKE, magnitude=True), "type: magnitude"),
    (line(LIKE, magnitude=2**63), "type: magnitude"),
    (line(LIKE, actor=-1), "type: actor"),
    (line(LIKE, actor=2**64), "type: actor"),
    (line(LIKE, person="\ud800"), "type: person"),
    (line(LIKE, person=7), "type: person"),
    (line(LIKE, in_reply_to_other=1), "type: in_reply_to_other"),
    (line(LIKE, sealed_ref="xy"), "type: sealed_ref"),
    (line(LIKE, associates="p_a"), "type: associates"),
    (line(LIKE, associates=[1]), "type: associates"),
    (line(FLAG, operator="Ada Lovelace"), "flag"),
    (line(FLAG, moderator="Rules"), "flag"),
    (line(FLAG, confidence_micro=1_000_001), "flag"),
    (line(FLAG, decision="Withdrawn"), "flag"),
    (line(FLAG, decision="Upheld", withdrawn=True), "flag"),
    (line(FLAG, sealed_note="00" * 2_049), "flag"),
    (line(COMPANY, associates=["p"] * 51), "associates"),
    (line(COMPANY, associates=[""]), "associates"),
    (b'{"kind": "CLOCK", "observed_ms": NaN}', "type: observed_ms"),
    (line(LIKE, magnitude=0), "magnitude"),
    (line(LIKE, magnitude=-5), "magnitude"),
    (line(LIKE, magnitude=10**12), "magnitude"),
    (line(LIKE, actor=0), "actor"),
    (line(LIKE, network="X!"), "network"),
    (line(LIKE, occurred_ms=0), "time"),
    (line(LIKE, occurred_ms=-(10**12)), "time"),
    (line(LIKE, occurred_ms=1_700_000_600_002), "time"),
    (line(LIKE, verb="Review"), "rating"),
    (line(LIKE, verb="Review", rating=0), "rating"),
    (line(LIKE, verb="Review", rating=6_000), "rating"),
    (line(GAUGE, value=10**12 + 1), "value"),
    (line(GAUGE, value=-1), "value"),
    (line(GAUGE, value=101, gauge="PROFILE_COMPLETENESS"), "value"),
]


@pytest.mark.parametrize(("bad", "reason"), BAD, ids=range(len(BAD)))
def test_a_bad_line_is_named_with_its_number_and_reason_and_never_quoted(bad: bytes, reason: str) -> None:
    with pytest.raises(InvalidEvent, match=f"^{reason}"):
        lines.parse(bad)
    good = line(LIKE)
    if bad.strip():
        with pytest.raises(CallerError, match=f"^line 3: {reason}") as caught:
            list(lines.read([good, b"\n", bad, good]))
        assert "anybody" not in str(caught.value)
        assert "Shout" not in str(caught.value)
