"""The roster in memory: whose account is this, and with which key is their log written."""

from collections.abc import Callable
from dataclasses import dataclass

from presence.events.errors import CallerError
from presence.events.vocabulary import AccountHash, Network, PersonId
from presence.roster import people
from presence.roster.keys import DataKey, MasterKey
from presence.roster.people import Person


class NotEnrolled(CallerError):
    """Nobody is enrolled under that id, or not any more."""


@dataclass(frozen=True, slots=True)
class Linked:
    """An enrolled person's account, as ingest needs it."""

    person: PersonId
    account: AccountHash
    key: DataKey


@dataclass(frozen=True, slots=True)
class Departed:
    """An account that is nobody's any more: unlinked, or its person erased."""

    person: PersonId
    network: Network
    native: str
    account: AccountHash
    is_erased: bool


class Registry:
    """The fold of the roster topic: the newest record of a person wins, a tombstone forgets them."""

    def __init__(self, master: MasterKey) -> None:
        self._master = master
        self._people: dict[PersonId, tuple[Person, DataKey]] = {}
        self._holders: dict[tuple[str, str], tuple[Linked, ...]] = {}
        self._natives_of: dict[PersonId, list[tuple[str, str]]] = {}
        self.version = 0
        """Grows with every change."""
        self.on_departure: Callable[[Departed], None] | None = None
        """Told of each account that goes."""

    def __len__(self) -> int:
        """How many people are enrolled."""
        return len(self._people)

    def apply(self, person_id: PersonId, value: bytes | None) -> None:
        """Take in one roster record; `None` is a tombstone.

        Raises CallerError if the record was sealed with another master key.
        """
        if value is not None:
            self.add(people.decode(value))
        else:
            self._tell_of_departures(person_id, set(), is_erased=True)
            self._forget(person_id)
            self.version += 1

    def add(self, person: Person) -> None:
        """Know `person` from now on, by this record alone."""
        if person.master_key_id != self._master.id:
            raise CallerError(
                "the roster is sealed with another master key: set PRESENCE_MASTER_KEY to the one it was made with"
            )
        if person.id in self._people and self._people[person.id][0] == person:
            return  # Our own write, come back by the topic.
        self._tell_of_departures(person.id, {each.account for each in person.accounts}, is_erased=False)
        self._forget(person.id)
        key = self._master.open(person.id, person.sealed_key)
        self._people[person.id] = (person, key)
        self._natives_of[person.id] = natives = []
        for account in person.accounts:
            native = key.open(person.id, account.sealed_native)
            natives.append((account.network, native))
            before = self._holders.get(natives[-1], ())
            self._holders[natives[-1]] = (*before, Linked(person.id, account.account, key))
        self.version += 1

    def find(self, network: str, native: str) -> Linked | None:
        """Whose account `native` is on `network`; None if of nobody enrolled.

        Two enrolments at the same moment can claim one account: the one that the topic has first holds it.
        """
        holders = self._holders.get((network, native))
        return holders[0] if holders else None

    def natives(self, network: str) -> list[str]:
        """The native ids of all enrolled accounts on `network`."""
        return [native for on, native in self._holders if on == network]

    def person(self, person_id: PersonId) -> tuple[Person, DataKey]:
        """The record and key of a person. Raises NotEnrolled."""
        if person_id not in self._people:
            raise NotEnrolled(f"nobody is enrolled as {person_id}")
        return self._people[person_id]

    def holds(self, person_id: PersonId, account: AccountHash) -> bool:
        """Whether the account, by its pseudonym, is linked to that person."""
        found = self._people.get(person_id)
        return found is not None and any(each.account == account for each in found[0].accounts)

    def knows(self, person_id: PersonId) -> bool:
        """Whether somebody is enrolled under that id."""
        return person_id in self._people

    def accounts_on(self, network: str) -> list[AccountHash]:
        """The pseudonyms of all enrolled accounts on `network`."""
        return [linked.account for (on, _), held in self._holders.items() if on == network for linked in held]

    def people(self) -> list[Person]:
        """Everybody, in the order of enrolment as this registry met it."""
        return [person for person, _ in self._people.values()]

    def accounts_of(self, person_id: PersonId) -> list[tuple[str, str]]:
        """The (network, native id) of a person's accounts."""
        return list(self._natives_of.get(person_id, ()))

    def _tell_of_departures(self, person_id: PersonId, staying: set[AccountHash], *, is_erased: bool) -> None:
        if self.on_departure is None or person_id not in self._people:
            return
        for account, (_, native) in zip(
            self._people[person_id][0].accounts, self._natives_of[person_id], strict=True
        ):
            if account.account not in staying:
                self.on_departure(Departed(person_id, account.network, native, account.account, is_erased))

    def _forget(self, person_id: PersonId) -> None:
        for account in self._natives_of.pop(person_id, ()):
            left = tuple(each for each in self._holders[account] if each.person != person_id)
            if left:
                self._holders[account] = left
            else:
                del self._holders[account]
        self._people.pop(person_id, None)
