"""Open mode: every public account that is met is enrolled, for demonstrations and load only."""

from collections.abc import Iterable

import structlog

from presence.events.errors import CallerError
from presence.events.vocabulary import Network, PersonKind
from presence.roster.enrolment import Enrolment, NewPerson
from presence.roster.follower import Follower
from presence.roster.people import ConsentBasis

ENROLLED_AT_ONCE_MAX = 1_000
TRIES = 3

log = structlog.get_logger()


class Newcomers:
    """Enrols until the network has `people_max` accounts enrolled; then it lets pass."""

    def __init__(
        self, network: Network, follower: Follower, enrolment: Enrolment, *, people_max: int
    ) -> None:
        self._network = network
        self._follower = follower
        self._enrolment = enrolment
        self._room = max(0, people_max - len(follower.registry.natives(network)))

    def meet(self, accounts: Iterable[str]) -> int:
        """Enrol those of `accounts` that are not, as far as there is room; how many were.

        Raises SourceUnavailable if the broker does not acknowledge.
        """
        strangers = self._strangers(accounts)
        room = self._room
        for start in range(0, len(strangers), ENROLLED_AT_ONCE_MAX):
            self._enrol(strangers[start : start + ENROLLED_AT_ONCE_MAX])
        if strangers and not self._room:
            log.warning("open mode is full: who is met from now on is not enrolled")
        return room - self._room

    def close(self) -> None:
        self._enrolment.close()

    def _strangers(self, accounts: Iterable[str]) -> list[str]:
        find = self._follower.registry.find
        fresh = [each for each in dict.fromkeys(accounts) if find(self._network, each) is None]
        return fresh[: self._room]

    def _enrol(self, strangers: list[str]) -> None:
        for _ in range(TRIES):
            people = [
                NewPerson(PersonKind.PERSON, self._network, each, ConsentBasis.DEMONSTRATION)
                for each in strangers
            ]
            try:
                self._room -= len(self._enrolment.enrol(people))
            except CallerError:  # Somebody else has just enrolled one of them.
                self._follower.catch_up()
                strangers = self._strangers(strangers)
            else:
                return
