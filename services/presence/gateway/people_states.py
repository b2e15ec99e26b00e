"""The state of one person, asked of the scoring worker that owns their partition.

Who that is stands in the topic of owners, which is read to its end before each question: it has one record per partition.
"""

import http.client
from typing import NamedTuple, Self

import structlog
from kafka import KafkaConsumer

from presence.events.vocabulary import PersonId
from presence.gateway import refusals
from presence.gateway.aside import Aside
from presence.log import owners
from presence.log.kafka import POLL_MS, consumer, partitions_of
from presence.log.owners import MODEL_HEADER, STATE_PATH, Owner
from presence.log.settings import Settings

TIMEOUT_S = 3.0
"""Of one question: a worker answers between two batches."""
STATE_BYTES_MAX = 32 * 2**20

log = structlog.get_logger(__name__)


class Told(NamedTuple):
    """A state as the worker has serialised it, and the hash of the model whose it is."""

    state: bytes
    model_hash: str


class PeopleStates:
    """Asks workers. Use it as a context manager; calls are made on the thread of `aside`."""

    def __init__(self, settings: Settings, aside: Aside) -> None:
        """Opens nothing."""
        self._settings = settings
        self._aside = aside
        self._owners: dict[int, Owner] = {}
        self._consumer: KafkaConsumer | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._consumer is not None:
            self._consumer.close()

    async def of(self, person: PersonId, partition: int) -> Told:
        """The state of `person`. Raises Refused: NOT_FOUND if there is none, UNAVAILABLE if no owner answers."""
        return await self._aside.run(lambda: self._ask(person, partition))

    def _ask(self, person: PersonId, partition: int) -> Told:
        self._catch_up()
        owner = self._owners.get(partition)
        if owner is None:
            raise refusals.no_owner()
        path = STATE_PATH.format(partition=partition, person=person)
        secret = self._settings.query_secret
        connection = http.client.HTTPConnection(owner.address, timeout=TIMEOUT_S)
        try:
            connection.request("GET", path, headers={"Authorization": f"Bearer {secret}"} if secret else {})
            answer = connection.getresponse()
            content = answer.read(STATE_BYTES_MAX + 1)
        except (OSError, http.client.HTTPException) as error:
            log.warning(
                "owner_silent", partition=partition, address=owner.address, error=type(error).__name__
            )
            raise refusals.no_owner() from error
        finally:
            connection.close()
        if answer.status == http.HTTPStatus.NOT_FOUND:
            raise refusals.person_unknown(person)
        if answer.status != http.HTTPStatus.OK or len(content) > STATE_BYTES_MAX:
            # 401: PRESENCE_QUERY_SECRET is not theirs; 421: another worker has the partition, and will say so.
            log.warning("owner_refuses", partition=partition, address=owner.address, status=answer.status)
            raise refusals.no_owner()
        return Told(content, answer.headers.get(MODEL_HEADER, ""))

    def _catch_up(self) -> None:
        if self._consumer is None:
            self._consumer = consumer(self._settings)
            self._consumer.assign(partitions_of(self._consumer, self._settings.topics.owners))
        reader = self._consumer
        ends = reader.end_offsets(list(reader.assignment()))
        while any(reader.position(place) < end for place, end in ends.items()):
            for records in reader.poll(timeout_ms=POLL_MS).values():
                self._owners |= dict(
                    owners.decode(record.key, record.value) for record in records if record.value
                )
            if self._aside.closing.is_set():
                raise refusals.stopping()
