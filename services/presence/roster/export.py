"""Everything that is known of a person, readable, as one zip: made piece by piece, in memory of constant size."""

import io
import json
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any

from google.protobuf import json_format
from kafka.partitioner.default import murmur2

from presence.events.vocabulary import Event, Kind, PersonId
from presence.log import codec
from presence.log.clock import now_ms
from presence.log.kafka import end_offsets, read_to_end
from presence.log.settings import Settings
from presence.roster.keys import DataKey
from presence.roster.registry import Registry
from presence.v1 import score_pb2

CHUNK_BYTES = 65_536
PROGRESS_RECORDS = 10_000
README = """\
What Presence knows of {person}, as of {date}.

roster.json     the enrolment: consent, linked accounts in clear, and what shows that they are yours
events.jsonl    each act, figure and decision that stands in the log about you, in log order, one JSON object a line;
                `ref` is the page or id at the network that it is about, opened with your key
by_you.jsonl    acts of yours that stand in the log of other enrolled people, without saying of whom
score.json      the score as last published, with the reasons that add up to it; missing if there is none
history.jsonl   the score at the end of each day

Times that end in _ms are milliseconds since 1970-01-01 in UTC. Actors are pseudonyms made with your key: Presence itself
cannot tell who they are. What this scoring makes of the events is explained in docs/model.md of the project; nothing else
about you is kept but what follows from these files.
"""

Progress = Callable[[int, int], None]
"""Told how many records of how many have been read."""


def stream(
    settings: Settings, registry: Registry, person_id: PersonId, on_progress: Progress
) -> Iterator[bytes]:
    """The zip in pieces of some CHUNK_BYTES.

    Raises CallerError if nobody is enrolled as `person_id`, SourceUnavailable if the broker does not answer.
    """
    person, key = registry.person(person_id)
    natives = registry.accounts_of(person_id)
    roster = {
        "person": person.id,
        "kind": person.kind.name.lower(),
        "consent": {
            "basis": person.basis.name.lower(),
            "terms": person.terms,
            "granted_ms": person.granted_ms,
        },
        "accounts": [
            {
                "network": network,
                "id": native,
                "pseudonym": account.account,
                "linked_ms": account.linked_ms,
                "proof": account.proof.name.lower(),
                "proved_ms": account.proved_ms,
            }
            for account, (network, native) in zip(person.accounts, natives, strict=True)
        ],
    }
    return _zipped(settings, person_id, key, roster, on_progress)


def _zipped(
    settings: Settings, person: PersonId, key: DataKey, roster: dict[str, Any], on_progress: Progress
) -> Iterator[bytes]:
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        date = datetime.fromtimestamp(now_ms() / 1000, UTC).isoformat(timespec="seconds")
        archive.writestr("README.txt", README.format(person=person, date=date))
        archive.writestr("roster.json", _json(roster) + "\n")
        by_you: list[str] = []
        yield from _file(archive, sink, "events.jsonl", _events(settings, person, key, by_you, on_progress))
        yield from _file(archive, sink, "by_you.jsonl", by_you)
        newest = None
        for record in _own(settings, settings.topics.scores, person):
            newest = record.value if record.key == person.encode() else newest
        if newest is not None:
            archive.writestr("score.json", _json(_message(newest)) + "\n")
        yield from _file(archive, sink, "history.jsonl", _history(settings, person))
    yield from sink.taken(whole=True)


def _file(archive: zipfile.ZipFile, sink: "_Sink", name: str, lines: Iterable[str]) -> Iterator[bytes]:
    """One file of the archive, handed over while it is written."""
    with archive.open(name, "w", force_zip64=True) as file:
        for line in lines:
            if line:
                file.write(line.encode())
            yield from sink.taken()


def _events(
    settings: Settings, person: PersonId, key: DataKey, by_you: list[str], on_progress: Progress
) -> Iterator[str]:
    """A line of each of the person's events, empty for others'; acts in others' logs go to `by_you`, as they are met."""
    topic = settings.topics.activity
    total, name = sum(end_offsets(settings, topic).values()), person.encode()
    for number, record in enumerate(read_to_end(settings, topic), 1):
        if number % PROGRESS_RECORDS == 0:
            on_progress(number, total)
        if record.key == name:
            yield _json(_event(codec.decode(record.value), person, key)) + "\n"
        else:
            if record.value is not None and name in record.value:
                by_you.append(_by_you(codec.decode(record.value)))
            yield ""
    on_progress(total, total)


def _history(settings: Settings, person: PersonId) -> Iterator[str]:
    """A line of each day, the newest word on it."""
    prefix = f"{person}/".encode()
    records = _own(settings, settings.topics.history, person)
    days = {record.key: record.value for record in records if (record.key or b"").startswith(prefix)}
    for name, value in sorted(days.items()):
        if value:
            yield _json({"day": name.decode().partition("/")[2], **_message(value)}) + "\n"


class _Sink(io.RawIOBase):
    """A file that only goes forward, and hands over what was written."""

    def __init__(self) -> None:
        self._held = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._held += data
        return len(data)

    def taken(self, *, whole: bool = False) -> Iterator[bytes]:
        """What is there, once it is worth a message."""
        while len(self._held) >= CHUNK_BYTES or (whole and self._held):
            yield bytes(self._held[:CHUNK_BYTES])
            del self._held[:CHUNK_BYTES]


def _own(settings: Settings, topic: str, person: PersonId) -> Iterator[Any]:
    """The records of the partition of `topic` that a person's stand in."""
    ends = end_offsets(settings, topic)
    own = int((murmur2(person.encode()) & 0x7FFF_FFFF) % len(ends))
    return read_to_end(settings, topic, {number: end for number, end in ends.items() if number != own})


def _event(event: Event, person: PersonId, key: DataKey) -> dict[str, Any]:
    """An event in words, without what its kind does not use, and with its reference opened."""
    found: dict[str, Any] = {}
    for field in fields(Event):
        value = getattr(event, field.name)
        if field.name == "sealed_ref":
            if value:
                found["ref"] = key.open(person, value)
        elif isinstance(value, IntEnum):
            if value:
                found[field.name] = value.name.lower()
        elif value:
            found[field.name] = value
    return found


def _by_you(event: Event) -> str:
    """An act in somebody else's log, without whose it is and what it is about."""
    if event.kind != Kind.ACTIVITY:
        return ""
    told = {
        "network": event.network,
        "verb": event.verb.name.lower(),
        "object": event.object.name.lower(),
        "occurred_ms": event.occurred_ms,
    }
    return _json(told) + "\n"


def _message(value: bytes) -> dict[str, Any]:
    score = score_pb2.Score.FromString(value)
    found: dict[str, Any] = json_format.MessageToDict(score, preserving_proto_field_name=True)
    return found


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
