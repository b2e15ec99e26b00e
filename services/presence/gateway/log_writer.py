"""What the gateway itself writes to the log: decisions of people. Opened at the first, since most gateways write nothing."""

from types import TracebackType
from typing import Self

from kafka import KafkaProducer

from presence.events.vocabulary import Event
from presence.log import codec
from presence.log.kafka import producer
from presence.log.settings import Settings

ACK_S = 10


class LogWriter:
    """One thread at a time. Use it as a context manager."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._producer: KafkaProducer | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self._producer is not None:
            self._producer.close(timeout=1)

    def write(self, event: Event) -> None:
        """Return once the log has `event`. Raises SourceUnavailable or KafkaError if it does not acknowledge."""
        if self._producer is None:
            self._producer = producer(self._settings)
        key, value = event.person.encode(), codec.encode(event)
        self._producer.send(self._settings.topics.activity, key=key, value=value).get(timeout=ACK_S)
