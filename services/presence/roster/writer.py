"""Changes of the roster by many processes, one after the other.

Whoever is to change the roster first becomes its one writer (a transactional id of Kafka's), then reads it to its end,
then decides, then writes. If another has become the writer meanwhile the transaction fails, and all is tried again on what
that one has left. So no change is made of a roster that is out of date: nobody who was erased comes back by a late link,
and no account is given to two people.
"""

from collections.abc import Callable, Mapping

import structlog
from kafka import KafkaProducer
from kafka.errors import InvalidProducerEpochError, KafkaError, ProducerFencedError

from presence.events.errors import SourceUnavailable
from presence.events.vocabulary import PersonId
from presence.log.kafka import producer
from presence.log.settings import Settings
from presence.roster import people
from presence.roster.follower import Follower
from presence.roster.people import Person

TRIES_MAX = 20
"""Of one change: each time another writer was faster."""
TRANSACTION_TIMEOUT_MS = 10_000
"""After this the broker gives up what a vanished writer left open; the next writer does so at once."""
ACK_TIMEOUT_MS = 30_000
CLOSE_TIMEOUT_S = 1
_FENCED = (ProducerFencedError, InvalidProducerEpochError)

Changes = Mapping[PersonId, Person | None]
"""The new record of each person; None: a tombstone."""

log = structlog.get_logger("presence.roster")


class Writer:
    """One process's way to change the roster that `follower` reads. One thread."""

    def __init__(self, settings: Settings, follower: Follower) -> None:
        """Connects with the first change."""
        self._settings = settings
        self._follower = follower
        self._producer: KafkaProducer | None = None

    def change(self, decide: Callable[[], Changes]) -> None:
        """Write what `decide` makes of the roster as it is then; when this returns the follower's registry has it.

        `decide` may be asked again; what it raises goes through, and nothing is written. Raises SourceUnavailable if
        the broker does not commit in time (then it may or may not be written).
        """
        for _ in range(TRIES_MAX):
            try:
                self._try(decide)
            except _FENCED:
                log.info("another process has changed the roster, trying again")
                self.close()
            except KafkaError as error:
                self.close()
                raise SourceUnavailable(f"the broker did not commit: {type(error).__name__}") from error
            else:
                return
        raise SourceUnavailable(f"{TRIES_MAX} others have changed the roster at the same time: try again")

    def _try(self, decide: Callable[[], Changes]) -> None:
        if self._producer is None:
            self._producer = producer(
                self._settings,
                transactional_id=f"{self._settings.namespace}.roster",
                transaction_timeout_ms=TRANSACTION_TIMEOUT_MS,
                max_block_ms=ACK_TIMEOUT_MS,
            )
            self._producer.init_transactions()
            self._follower.catch_up()  # Nobody writes after this without our transaction failing.
        changes = decide()
        if not changes:
            return
        self._producer.begin_transaction()
        topic = self._settings.topics.roster
        sent = [
            self._producer.send(
                topic, key=person_id.encode(), value=None if person is None else people.encode(person)
            )
            for person_id, person in changes.items()
        ]
        for each in sent:  # Each says what is wrong; a commit would only say that something is.
            each.get(timeout=ACK_TIMEOUT_MS / 1000)
        self._producer.commit_transaction()
        for person_id, person in changes.items():
            if person is None:
                self._follower.registry.apply(person_id, None)
            else:
                self._follower.registry.add(person)

    def close(self) -> None:
        """Let go of the broker."""
        if self._producer is not None:
            found, self._producer = self._producer, None
            try:
                found.close(timeout=CLOSE_TIMEOUT_S)
            except KafkaError as error:
                log.debug("the roster's writer was closed by force", error=type(error).__name__)
