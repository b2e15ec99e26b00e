"""Reading to the end of a log that others are writing: all that was acknowledged before, in order, without a hole."""

import random
import threading
from typing import Any, Self

from presence.log.kafka import ensure_topics, producer, read_to_end
from presence.log.settings import Settings


class Writer:
    """Writes records of all sizes, in batches of all sizes, until the block ends; `ends` is what is acknowledged."""

    def __init__(self, found: Settings) -> None:
        self.ends = [0] * found.partitions
        self._found = found
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        sender, chance, waiting, number = producer(self._found), random.Random(1), list[Any](), 0
        while not self._stop.wait(chance.random() / 100):
            for _ in range(chance.choice((1, 5, 200))):
                value = b"v" * chance.choice((10, 200, 2_000))
                place = number % len(self.ends)
                waiting.append(
                    sender.send(self._found.topics.activity, key=b"k", value=value, partition=place)
                )
                number += 1
            for each in waiting:
                if each.is_done:
                    written = each.get()
                    self.ends[written.partition] = max(self.ends[written.partition], written.offset + 1)
            waiting = [each for each in waiting if not each.is_done]
        sender.close(timeout=30)


def test_what_was_acknowledged_before_is_read_whole(found: Settings) -> None:
    ensure_topics(found)
    chance = random.Random(2)
    with Writer(found) as writer:
        for _ in range(15):
            ends = list(writer.ends)
            starts = {at: max(0, end - chance.choice((0, 10, 5_000))) for at, end in enumerate(ends)}
            read: dict[int, list[int]] = {at: [] for at in starts}
            for record in read_to_end(found, found.topics.activity, starts):
                read[record.partition].append(record.offset)
            for at, start in starts.items():
                assert read[at] == list(range(start, start + len(read[at]))), "in order, without a hole"
                assert len(read[at]) >= ends[at] - start, "all that was acknowledged before"
