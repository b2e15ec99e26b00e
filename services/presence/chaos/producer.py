"""Writes a story to the activity topic: so many events at a time, over so many seconds."""

import queue
import threading
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from presence.events.errors import SourceUnavailable
from presence.events.vocabulary import NOBODY, Event
from presence.log import codec
from presence.log.kafka import producer
from presence.log.settings import Settings

GRANTS_MAX = 1_000
BURST_S = 0.02
"""How long a spread grant rests between two bursts."""
PATIENCE_S = 120
"""For the broker to come back, and for the last acknowledgement."""


class Producer:
    """Sends in a thread what it is granted, and stands still in between."""

    def __init__(self, settings: Settings, story: Iterable[Event]) -> None:
        self._settings = settings
        self._story = iter(story)
        self._grants: queue.Queue[tuple[int, float] | None] = queue.Queue(GRANTS_MAX)
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="chaos-producer", daemon=True)
        self.sent = 0
        """Events of the story so far."""
        self.ends = dict.fromkeys(range(settings.partitions), 0)
        """By partition: the offset after the newest acknowledged record of a person."""
        self._thread.start()

    def grant(self, events: int, over_s: float) -> None:
        """Let it send so many events more, spread over so many seconds."""
        self._grants.put((events, over_s))

    def finish(self) -> None:
        """Let it end when everything that was granted is acknowledged."""
        self._grants.put(None)

    @property
    def running(self) -> bool:
        """Whether there is more to come, or to be acknowledged."""
        return self._thread.is_alive()

    def check(self) -> None:
        """Raise SourceUnavailable if sending has failed."""
        if self._failure is not None:
            raise SourceUnavailable(f"the producer of the events failed: {self._failure!r}")

    @property
    def busy(self) -> bool:
        """Whether anything that was granted is still to be sent."""
        return self._grants.unfinished_tasks > 0

    def _run(self) -> None:
        try:
            sender = producer(self._settings, max_block_ms=PATIENCE_S * 1000)
            while (grant := self._grants.get()) is not None:
                for event in _spread(self._story, *grant):
                    self._send(sender, event)
                    self.sent += 1
                self._grants.task_done()
            sender.flush(PATIENCE_S)
            sender.close()
        except Exception as error:  # noqa: BLE001 (the thread's end: `check` raises it)
            self._failure = error

    def _send(self, sender: Any, event: Event) -> None:
        topic, value = self._settings.topics.activity, codec.encode(event)
        if event.person != NOBODY:
            written = sender.send(topic, key=event.person.encode(), value=value)
            written.add_callback(self._written).add_errback(self._refused)
            return
        for number in range(self._settings.partitions):
            sender.send(topic, value=value, partition=number).add_errback(self._refused)

    def _written(self, record: Any) -> None:
        self.ends[record.partition] = record.offset + 1

    def _refused(self, error: BaseException) -> None:
        self._failure = error


def _spread(events: Iterator[Event], count: int, over_s: float) -> Iterator[Event]:
    begun, done = time.monotonic(), 0
    while done < count:
        due = count if over_s == 0 else min(count, int(count * (time.monotonic() - begun) / over_s) + 1)
        yield from islice(events, due - done)
        done = due
        if done < count:
            time.sleep(BURST_S)
