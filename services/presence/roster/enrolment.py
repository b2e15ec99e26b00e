"""Writes to the roster: enrolling, and linking accounts.

Guarantee: whoever stands in the roster has ENROLLED in the log, for that is acknowledged first. After a crash in between,
the log has an ENROLLED of a random id that belongs to nobody.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from kafka.errors import KafkaError

from presence.events import door
from presence.events.errors import CallerError, SourceUnavailable
from presence.events.vocabulary import Event, Kind, Network, PersonId, PersonKind
from presence.log import codec
from presence.log.clock import now_ms
from presence.log.kafka import producer
from presence.log.settings import Settings
from presence.roster import people
from presence.roster.follower import Follower
from presence.roster.keys import DataKey, MasterKey
from presence.roster.people import Account, ConsentBasis, Person

ACK_TIMEOUT_S = 30


@dataclass(frozen=True, slots=True)
class NewPerson:
    """Who is to be enrolled, with the first account."""

    kind: PersonKind
    network: Network
    native: str
    basis: ConsentBasis


class Enrolment:
    """Enrols and links; `follower`'s registry knows of it at once."""

    def __init__(self, settings: Settings, master: MasterKey, follower: Follower) -> None:
        """Raises SourceUnavailable if no broker answers."""
        self._topics = settings.topics
        self._master = master
        self._registry = follower.registry
        self._producer = producer(settings)

    def enrol(self, newcomers: Sequence[NewPerson]) -> list[PersonId]:
        """Enrol all, and return when the log has them.

        Raises CallerError if an account is somebody's already (then nobody is enrolled), SourceUnavailable if the
        broker does not acknowledge in time (then some may be enrolled; trying again tells).
        """
        taken = {(each.network, each.native) for each in newcomers}
        if len(taken) < len(newcomers):
            raise CallerError("one account cannot be enrolled twice")
        for each in newcomers:
            self._refuse_if_held(each.network, each.native)
        fresh = [self._person(each) for each in newcomers]
        opened = [_enrolled(person, key) for person, key in fresh]
        self._send([(self._topics.activity, event.person, codec.encode(event)) for event in opened])
        self._write_roster([person for person, _ in fresh])
        return [person.id for person, _ in fresh]

    def link(self, person_id: PersonId, network: Network, native: str) -> None:
        """Link one more account. Raises as `enrol` does."""
        person, key = self._registry.person(person_id)
        self._refuse_if_held(network, native)
        account = _account(person_id, key, network, native)
        self._write_roster([replace(person, accounts=(*person.accounts, account))])

    def close(self) -> None:
        self._producer.close()

    def _refuse_if_held(self, network: Network, native: str) -> None:
        if found := self._registry.find(network, native):
            raise CallerError(f"that {network} account is already linked to {found.person}")

    def _person(self, newcomer: NewPerson) -> tuple[Person, DataKey]:
        key, person_id = DataKey.new(), people.new_person_id()
        person = Person(
            id=person_id,
            kind=newcomer.kind,
            basis=newcomer.basis,
            granted_ms=now_ms(),
            terms=people.TERMS,
            sealed_key=self._master.seal(person_id, key),
            master_key_id=self._master.id,
            accounts=(_account(person_id, key, newcomer.network, newcomer.native),),
        )
        return person, key

    def _write_roster(self, changed: Sequence[Person]) -> None:
        self._send([(self._topics.roster, person.id, people.encode(person)) for person in changed])
        for person in changed:
            self._registry.add(person)

    def _send(self, records: Sequence[tuple[str, PersonId, bytes]]) -> None:
        try:
            sent = [
                self._producer.send(topic, key=key.encode(), value=value) for topic, key, value in records
            ]
            self._producer.flush(timeout=ACK_TIMEOUT_S)
            for each in sent:
                each.get(timeout=ACK_TIMEOUT_S)
        except KafkaError as error:
            raise SourceUnavailable(f"the broker did not acknowledge: {type(error).__name__}") from error


def _account(person_id: PersonId, key: DataKey, network: Network, native: str) -> Account:
    return Account(network, key.account_hash(network, native), key.seal(person_id, native), now_ms())


def _enrolled(person: Person, key: DataKey) -> Event:
    return door.check(
        Event(
            kind=Kind.ENROLLED,
            id=key.event_id("presence", "enrolled"),
            person=person.id,
            person_kind=person.kind,
            observed_ms=person.granted_ms,
        )
    )
