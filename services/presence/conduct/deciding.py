"""What people decide about findings, as records of the log. Pure, but for the sealing of notes.

A decision is a whole FLAG record: the finding as it stands from then on. It is newer than what it decides about, whatever
machine's clock says so, since of two records the newer one wins.
"""

from dataclasses import replace

from presence.events.door import check
from presence.events.errors import CallerError
from presence.events.vocabulary import (
    Category,
    Decision,
    Event,
    EventId,
    Grounds,
    Kind,
    PersonId,
    Severity,
)
from presence.roster.keys import DataKey

NOTE_CHARS_MAX = 500
DECIDING = frozenset({Decision.FOUND, Decision.UPHELD, Decision.WITHDRAWN})


def found(
    person: PersonId,
    key: DataKey,
    *,
    severity: Severity,
    category: Category,
    occurred_ms: int,
    now_ms: int,
    operator: str,
    grounds: Grounds = Grounds.REVIEWED,
    note: str = "",
    token: str,
) -> Event:
    """A finding that a person reached; of the same `token` there is one.

    Raises CallerError for a note that is too long, InvalidEvent for what the log does not take.
    """
    ref_id = key.event_id("presence", f"flag/{token}")
    return check(
        Event(
            kind=Kind.FLAG,
            id=ref_id,
            person=person,
            ref_id=ref_id,
            occurred_ms=occurred_ms,
            observed_ms=now_ms,
            severity=severity,
            category=category,
            decision=Decision.FOUND,
            grounds=grounds,
            operator=operator,
            sealed_note=_sealed(person, key, note),
        )
    )


def decided(
    finding: Event,
    key: DataKey,
    decision: Decision,
    *,
    now_ms: int,
    operator: str,
    grounds: Grounds = Grounds.UNSPECIFIED,
    note: str = "",
) -> Event:
    """The finding after `decision`. Who found it, and what, stays as it is.

    Raises CallerError for a note that is too long, or an appeal against what is withdrawn already.
    """
    if decision is Decision.APPEALED and finding.withdrawn:
        raise CallerError("the finding is withdrawn: there is nothing to appeal any more")
    observed_ms = max(now_ms, finding.observed_ms + 1)
    return check(
        replace(
            finding,
            id=EventId(key.event_id("presence", f"flag/{finding.ref_id:016x}/{decision}/{observed_ms}")),
            observed_ms=observed_ms,
            withdrawn=decision is Decision.WITHDRAWN,
            decision=decision,
            grounds=grounds,
            operator=operator,
            sealed_note=_sealed(finding.person, key, note),
        )
    )


def _sealed(person: PersonId, key: DataKey, note: str) -> bytes:
    """The note, for those who have the person's key only: it is about them, and goes when the key goes."""
    if len(note) > NOTE_CHARS_MAX:
        raise CallerError(f"a note has {NOTE_CHARS_MAX} characters at most, not {len(note)}")
    return key.seal(person, note) if note else b""
