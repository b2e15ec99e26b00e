"""Where scores go: a Parquet file, or a topic beside the live one."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
from kafka import KafkaProducer
from kafka.errors import KafkaError

from presence.batch import parquet
from presence.events.errors import CallerError, SourceUnavailable
from presence.log.kafka import consumer, ensure_topics, partitions_of, producer, read_to_end
from presence.log.settings import Settings

TRANSACTION_ROWS = 10_000


def write_parquet(frames: Iterable[pl.DataFrame], out: Path) -> None:
    """Write the scores of all who have one to `out`, which is there whole or not at all.

    Raises CallerError if it cannot be written.
    """
    part = out.with_name(f".{out.name}.part")
    writer: Any = None
    try:
        for frame in frames:
            scores = frame.filter(pl.col("value").is_not_null()).to_arrow()
            if writer is None:
                writer = parquet.writer(part, scores.schema)
            writer.write_table(scores, row_group_size=parquet.ROW_GROUP_ROWS)
        if writer is not None:
            writer.close()
            part.rename(out)
    except (OSError, pa.ArrowException) as error:
        raise CallerError(f"{out} cannot be written: {getattr(error, 'strerror', None) or error}") from error
    finally:
        part.unlink(missing_ok=True)


def publish(frames: Iterable[pl.DataFrame], settings: Settings, variant: str) -> str:
    """Publish everybody's score to the scores topic of `variant`, and a tombstone for whoever has none; its name.

    In transactions, each score to the partition of its number. Publishing again leaves the same scores: who stands in the
    topic and is not in `frames` gets a tombstone at the end. Raises CallerError for the live topic or one of fewer
    partitions, SourceUnavailable if Kafka does not take them; then all can be repeated.
    """
    shadow = replace(settings, variant=variant)
    topic = shadow.topics.scores
    if topic == settings.topics.scores:
        raise CallerError(f"{topic} is where live scores are: a replay has a variant of its own")
    ensure_topics(shadow)
    partitions = _partitions(shadow, topic)
    left = {
        (record.key, record.partition) for record in read_to_end(shadow, topic) if record.value is not None
    }
    with _transactional(shadow, topic) as sender:
        for frame in frames:
            if int(frame["partition"].max() or 0) >= partitions:  # type: ignore[arg-type]  # a number
                raise CallerError(f"{topic} has {partitions} partitions, the log has more")
            rows = frame.select("person", "partition", "value").iter_rows()
            records = [(person.encode(), partition, value) for person, partition, value in rows]
            left.difference_update((key, partition) for key, partition, _ in records)
            _send(sender, topic, records)
        _send(sender, topic, [(key, partition, None) for key, partition in sorted(left)])
    return topic


def _partitions(settings: Settings, topic: str) -> int:
    reader = consumer(settings)
    try:
        return len(partitions_of(reader, topic))
    finally:
        reader.close()


@contextmanager
def _transactional(settings: Settings, topic: str) -> Iterator[KafkaProducer]:
    sender = producer(settings, transactional_id=f"{topic}.replay")
    try:
        sender.init_transactions()
        yield sender
    except KafkaError as error:
        raise SourceUnavailable(f"Kafka did not take the scores for {topic}: {error!r}") from error
    finally:
        sender.close()


def _send(sender: KafkaProducer, topic: str, records: Sequence[tuple[bytes, int, bytes | None]]) -> None:
    """Send records in transactions of at most TRANSACTION_ROWS."""
    for begin in range(0, len(records), TRANSACTION_ROWS):
        sender.begin_transaction()
        try:
            for key, partition, value in records[begin : begin + TRANSACTION_ROWS]:
                sender.send(topic, key=key, value=value, partition=partition)
        except BaseException:
            sender.abort_transaction()
            raise
        sender.commit_transaction()
