"""Writes to the roster: enrolling, linking and unlinking accounts, erasing.

Guarantees, whatever crashes between: whoever stands in the roster has ENROLLED in the log (an ENROLLED of a random id that
stands there alone belongs to nobody); who is gone from the roster has ERASED in the log, and an account that is gone from
it has UNLINKED, since the log is acknowledged first. What failed in the middle is done again by doing it again.
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
from presence.roster.people import Account, ConsentBasis, Person, Proof
from presence.roster.writer import Writer

ACK_TIMEOUT_S = 30
ACCOUNTS_MAX = 1_000
"""Of one person: a record of the roster stays far below what a broker takes."""


class AccountTaken(CallerError):
    """The account is somebody's already."""


class AccountUnknown(CallerError):
    """The account is not linked to this person."""


@dataclass(frozen=True, slots=True)
class NewPerson:
    """Who is to be enrolled, with the first account."""

    kind: PersonKind
    network: Network
    native: str
    basis: ConsentBasis
    proof: Proof = Proof.NONE


class Enrolment:
    """Changes the roster that `follower` reads; its registry knows of each change at once. One thread."""

    def __init__(self, settings: Settings, master: MasterKey, follower: Follower) -> None:
        """Raises SourceUnavailable if no broker answers."""
        self._topics = settings.topics
        self._master = master
        self._registry = follower.registry
        self._producer = producer(settings)
        self._writer = Writer(settings, follower)

    def enrol(self, newcomers: Sequence[NewPerson]) -> list[PersonId]:
        """Enrol all, and return when the log has them.

        Raises AccountTaken if an account is somebody's already (then nobody is enrolled), SourceUnavailable if the
        broker does not acknowledge in time (then some may be enrolled; trying again tells).
        """
        taken = {(each.network, each.native) for each in newcomers}
        if len(taken) < len(newcomers):
            raise CallerError("one account cannot be enrolled twice")
        self._refuse_if_held(taken)
        fresh = [self._person(each) for each in newcomers]
        self._log([_enrolled(person, key) for person, key in fresh])

        def decide() -> dict[PersonId, Person | None]:
            self._refuse_if_held(taken)
            return {person.id: person for person, _ in fresh}

        self._writer.change(decide)
        return [person.id for person, _ in fresh]

    def link(self, person_id: PersonId, network: Network, native: str, proof: Proof = Proof.NONE) -> None:
        """Link one more account, or note a new proof of one that is linked. Raises as `enrol` does."""

        def decide() -> dict[PersonId, Person | None]:
            person, key = self._registry.person(person_id)
            fresh = _account(person_id, key, network, native, proof)
            known = self._account(person_id, network, native)
            if known is not None:
                proved = replace(known, proof=proof, proved_ms=fresh.proved_ms)
                accounts = tuple(proved if each is known else each for each in person.accounts)
            else:
                self._refuse_if_held({(network, native)})
                accounts = (*person.accounts, fresh)
            if len(accounts) > ACCOUNTS_MAX:
                raise CallerError(f"nobody may have more than {ACCOUNTS_MAX} accounts")
            return {person_id: replace(person, accounts=accounts)}

        self._writer.change(decide)

    def unlink(self, person_id: PersonId, network: Network, native: str) -> None:
        """Take an account out, with all that it counts for. Raises AccountUnknown, else as `enrol`.

        The log says so before the roster does; what an ingest that has not heard of it still sends is taken out by
        another UNLINKED of that ingest's own.
        """
        account = self._account(person_id, network, native)
        if account is None:
            self._registry.person(person_id)
            raise AccountUnknown(f"{person_id} has no such account on {network}")
        self._log([unlinked(person_id, account)])

        def decide() -> dict[PersonId, Person | None]:
            person, _ = self._registry.person(person_id)
            left = tuple(each for each in person.accounts if each.account != account.account)
            return {person_id: replace(person, accounts=left)}

        self._writer.change(decide)

    def erase(self, gone: Sequence[PersonId]) -> None:
        """Forget people for good: when this returns, their keys are gone from the roster and the log says so.

        Raises CallerError if one is not enrolled (then nobody is erased), else as `enrol`.
        """
        for person_id in gone:
            self._registry.person(person_id)
        self._log([Event(kind=Kind.ERASED, person=each, observed_ms=now_ms()) for each in gone])
        self._writer.change(lambda: dict.fromkeys(gone))

    def close(self) -> None:
        self._writer.close()
        self._producer.close()

    def _refuse_if_held(self, accounts: set[tuple[Network, str]]) -> None:
        for network, native in accounts:
            if found := self._registry.find(network, native):
                raise AccountTaken(f"that {network} account is already linked to {found.person}")

    def _account(self, person_id: PersonId, network: Network, native: str) -> Account | None:
        """The account of this person; None if it is not theirs. Raises CallerError for one who is not enrolled."""
        person, _ = self._registry.person(person_id)
        natives = self._registry.accounts_of(person_id)
        return next(
            (
                each
                for each, named in zip(person.accounts, natives, strict=True)
                if named == (network, native)
            ),
            None,
        )

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
            accounts=(_account(person_id, key, newcomer.network, newcomer.native, newcomer.proof),),
        )
        return person, key

    def _log(self, events: Sequence[Event]) -> None:
        topic = self._topics.activity
        try:
            sent = [
                self._producer.send(topic, key=each.person.encode(), value=codec.encode(door.check(each)))
                for each in events
            ]
            self._producer.flush(timeout=ACK_TIMEOUT_S)
            for each in sent:
                each.get(timeout=ACK_TIMEOUT_S)
        except KafkaError as error:
            raise SourceUnavailable(f"the broker did not acknowledge: {type(error).__name__}") from error


def unlinked(person_id: PersonId, account: Account) -> Event:
    """What tells the log that an account is taken out; as often as it is said, it means the same."""
    return door.check(
        Event(
            kind=Kind.UNLINKED,
            person=person_id,
            network=account.network,
            account=account.account,
            observed_ms=now_ms(),
        )
    )


def _account(person_id: PersonId, key: DataKey, network: Network, native: str, proof: Proof) -> Account:
    now = now_ms()
    return Account(
        network=network,
        account=key.account_hash(network, native, now),
        sealed_native=key.seal(person_id, native),
        linked_ms=now,
        proof=proof,
        proved_ms=now if proof else 0,
    )


def _enrolled(person: Person, key: DataKey) -> Event:
    return Event(
        kind=Kind.ENROLLED,
        id=key.event_id("presence", "enrolled"),
        person=person.id,
        person_kind=person.kind,
        observed_ms=person.granted_ms,
    )
