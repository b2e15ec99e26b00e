"""What was put into the log lately, so that a stream that starts again a little earlier adds nothing twice.

The fold drops a repeated id anyway; this keeps the log itself free of repeats after a crash or a reconnect.
"""

import hashlib
from collections import deque
from collections.abc import Callable, Mapping

from kafka.consumer.fetcher import ConsumerRecord

from presence.events.vocabulary import Event
from presence.log import codec
from presence.log.kafka import consumer, partitions_of, read_to_end
from presence.log.settings import Settings

RECENT_IDS_MAX = 262_144
"""A minute of the whole public network in open mode, and 30 MB; the overlap of a reconnect is 5 s."""
RECALLED_RECORDS_MAX = 500_000
"""How far to read on from a saved offset: ours come first, what others wrote since may be without end."""
TAIL_RECORDS = 10_000
"""How much of the log's end is remembered at a start whatever was saved; some 0.3 s."""


class Recent:
    """A set of the newest RECENT_IDS_MAX ids."""

    def __init__(self, ids_max: int = RECENT_IDS_MAX) -> None:
        self._ids: set[int] = set()
        self._order: deque[int] = deque()
        self._ids_max = ids_max

    def __contains__(self, one: int) -> bool:
        return one in self._ids

    def add(self, one: int) -> bool:
        """Remember `one`; False if it was there already."""
        if one in self._ids:
            return False
        self._ids.add(one)
        self._order.append(one)
        if len(self._order) > self._ids_max:
            self._ids.discard(self._order.popleft())
        return True


def event_id(event: Event) -> int:
    """Tells one record from another: its id, of its account; under an account that was linked anew it is another one."""
    return event.id ^ event.account


def dead_letter_id(value: bytes, reason: str, position: int, size_bytes: int) -> int:
    """Tells one dead letter from another: 64 bits of a hash of all that it says."""
    told = f"{reason} {position} {size_bytes} ".encode() + value
    return int.from_bytes(hashlib.blake2b(told, digest_size=8).digest(), "big")


def recall(
    settings: Settings,
    topic: str,
    saved: Mapping[int, int],
    recent: Recent,
    met: Callable[[Event], None] = lambda _: None,
) -> dict[int, int] | None:
    """Remember what stands in `topic` from `saved` offsets on, at least its tail; the offsets of its end.

    `met` is told of each event. None if `saved` is beyond the end: that is another log than the one it was saved of.
    Raises SourceUnavailable if no broker answers.
    """
    reader = consumer(settings)
    try:
        partitions = partitions_of(reader, topic)
        ends = {each.partition: offset for each, offset in reader.end_offsets(partitions).items()}
        firsts = {each.partition: offset for each, offset in reader.beginning_offsets(partitions).items()}
    finally:
        reader.close()
    if any(offset > ends.get(partition, 0) for partition, offset in saved.items()):
        return None
    tail = TAIL_RECORDS // len(ends)
    starts = {
        partition: max(firsts[partition], min(saved.get(partition, end), end - tail))
        for partition, end in ends.items()
    }
    for number, record in enumerate(read_to_end(settings, topic, starts)):
        if number >= RECALLED_RECORDS_MAX:
            break
        if record.topic == settings.topics.activity:
            event = codec.decode(record.value)
            recent.add(event_id(event))
            met(event)
        else:
            recent.add(_dead_letter_id(record))
    return ends


def _dead_letter_id(record: ConsumerRecord) -> int:
    told = {"reason": b"", "position": b"0", "size_bytes": b"0"} | dict(record.headers)
    position = told["position"].decode()
    where = int(position) if position.isdigit() else -1  # Scoring's name a partition.
    return dead_letter_id(record.value or b"", told["reason"].decode(), where, int(told["size_bytes"]))
