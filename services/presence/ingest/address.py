"""From acts in a network's ids to events in the logs of those who are enrolled."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from presence.conduct.moderator import Moderator
from presence.events.door import check
from presence.events.errors import CallerError
from presence.events.vocabulary import (
    NOBODY,
    THE_PERSON,
    Direction,
    Event,
    EventId,
    Kind,
    Network,
    PersonId,
)
from presence.ingest.acts import Act, Native, Reading, Retraction
from presence.ingest.reading import Reading as TextReading
from presence.ingest.received import Received
from presence.roster.keys import DataKey
from presence.roster.registry import Registry


class ReceivedActs(Protocol):
    """What other people's records made; see ReceivedIndex."""

    def put(self, record: str, made: Sequence[Received]) -> None: ...
    def find(self, record: str) -> Iterator[Received]: ...


VERSIONS_MAX = 32
"""Of one record: how many edits are remembered, so that each can be taken back; earlier ones stand undone in the log."""
NOT_ENROLLED, SUPERSEDED = "not_enrolled", "superseded"


class Addressing:
    """Knows who is enrolled on one network. One native act of two enrolled people is an event for each."""

    def __init__(
        self, network: Network, registry: Registry, received: ReceivedActs, moderator: Moderator | None = None
    ) -> None:
        """Of what the enrolled publish, `moderator` reads the text; None: nobody's is read."""
        self.reading = TextReading(moderator)
        self._network = network
        self._registry = registry
        self._received = received
        self.why_none = NOT_ENROLLED
        """Why the last call of `events` returned none."""

    def events(self, natives: Sequence[Native], observed_ms: int) -> list[Event]:
        """The events of one frame, each past the door; none if nobody of it is enrolled, or newer versions are known.

        Raises InvalidEvent if one does not pass: then the frame has none.
        """
        events: list[Event] = []
        received: dict[str, list[Received]] = {}
        self.why_none = NOT_ENROLLED
        for native in natives:
            if isinstance(native, Act):
                event = self._act(native, observed_ms)
                if event is None:
                    continue
                check(event)
                if native.version:
                    versions = list(self._replacing(native, event, received))
                    events.extend(versions)
                    if versions:
                        events.extend(self._flag(native, event))
                    continue
                events.append(event)
                events.extend(self._flag(native, event))
                made = Received(event.person, event.id, event.occurred_ms)
                if native.alias:
                    received.setdefault(native.alias, []).append(made)
                if event.direction == Direction.TO:
                    received.setdefault(native.record, []).append(made)
            elif isinstance(native, Reading):
                events.extend(map(check, self._reading(native, observed_ms)))
            else:
                events.extend(map(check, self._undo(native, observed_ms)))
        for record, made_of_it in received.items():
            self._received.put(record, made_of_it)
        return events

    def _replacing(self, act: Act, event: Event, received: dict[str, list[Received]]) -> Iterator[Event]:
        """A version of a record in place of older ones; nothing if a newer one is known.

        Older ones are taken back each time: whoever is killed between here and the broker's acknowledgement comes again.
        """
        new = Received(event.person, event.id, event.occurred_ms)
        known = received.get(act.record) or list(self._received.find(act.record))
        mine = [each for each in known if each.person == new.person]
        was_replaced = new in mine[:-1]
        if was_replaced or any(each.occurred_ms > new.occurred_ms for each in mine):
            self.why_none = SUPERSEDED
            return
        others = [each for each in known if each.event != new.event]
        mine = [each for each in mine if each.event != new.event]
        received[act.record] = [*others[-VERSIONS_MAX:], new]
        key = self._key_of(event.person)
        if key is not None:
            for each in mine:
                yield check(self._undone(key, each, act.record, event.observed_ms))
        yield event

    def _flag(self, act: Act, event: Event) -> Iterator[Event]:
        """What a moderator finds in the text of an act of the person's own."""
        if act.text and act.direction == Direction.BY and (key := self._key_of(event.person)) is not None:
            found = self.reading.flag(act.text, event, f"{act.record}#{act.what}", key)
            if found is not None:
                yield check(found)

    def _act(self, act: Act, observed_ms: int) -> Event | None:
        find = self._registry.find
        linked = find(self._network, act.about)
        if linked is None:
            return None
        actor, actor_person = THE_PERSON, NOBODY
        if act.direction == Direction.TO:
            by = find(self._network, act.by)
            if by is not None:
                actor_person = by.person
                if actor_person == linked.person:
                    return None  # What somebody does to their own other account is not received.
            actor = linked.key.actor_hash(self._network, act.by)
        return Event(
            kind=Kind.ACTIVITY,
            id=linked.key.event_id(self._network, _native_id(act)),
            person=linked.person,
            network=self._network,
            account=linked.account,
            direction=act.direction,
            verb=act.verb,
            object=act.object,
            actor=actor,
            actor_person=actor_person,
            occurred_ms=act.occurred_ms,
            observed_ms=observed_ms,
            time_quality=act.time_quality,
            magnitude=act.magnitude,
            rating=act.rating,
            in_reply_to_other=self._answers_other(act),
            sealed_ref=linked.key.seal(linked.person, act.ref),
        )

    def _answers_other(self, act: Act) -> bool:
        if not act.answers or act.answers == act.by:
            return False
        by, answered = (self._registry.find(self._network, who) for who in (act.by, act.answers))
        return by is None or answered is None or by.person != answered.person

    def _reading(self, reading: Reading, observed_ms: int) -> Iterator[Event]:
        linked = self._registry.find(self._network, reading.about)
        if linked is not None:
            yield Event(
                kind=Kind.GAUGE,
                id=linked.key.event_id(self._network, f"{reading.record}#{reading.what}"),
                person=linked.person,
                network=self._network,
                account=linked.account,
                gauge=reading.gauge,
                value=reading.value,
                occurred_ms=reading.occurred_ms,
                observed_ms=observed_ms,
                sealed_ref=linked.key.seal(linked.person, reading.ref),
            )

    def _undo(self, retraction: Retraction, observed_ms: int) -> Iterator[Event]:
        linked = self._registry.find(self._network, retraction.by)
        if linked is not None and retraction.own:
            own = linked.key.event_id(self._network, f"{retraction.record}#{retraction.own}")
            yield self._undone(linked.key, Received(linked.person, own, 0), retraction.record, observed_ms)
        for made in self._received.find(retraction.record):
            key = self._key_of(made.person)
            if key is not None:
                yield self._undone(key, made, retraction.record, observed_ms)

    def _undone(self, key: DataKey, made: Received, record: str, observed_ms: int) -> Event:
        return Event(
            kind=Kind.UNDO,
            id=EventId(key.event_id(self._network, f"{record}#undo-{made.event:016x}")),
            person=made.person,
            network=self._network,
            observed_ms=observed_ms,
            ref_id=made.event,
            ref_occurred_ms=made.occurred_ms,
        )

    def _key_of(self, person: PersonId) -> DataKey | None:
        try:
            return self._registry.person(person)[1]
        except CallerError:
            return None  # Erased since; nothing of theirs is left to take back.


def _native_id(act: Act) -> str:
    version = f"@{act.version}" if act.version else ""
    return f"{act.record}#{act.what}{version}"
