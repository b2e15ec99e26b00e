"""What a replay makes of a log is to the byte what the live scorer publishes of it."""

import random
from collections.abc import Callable, Sequence

import polars as pl
import pytest
from tests.service.logs import Record, events, records

from presence.batch.records import read
from presence.model.spec import load
from presence.replay.columns import ROWS, Bucket
from presence.replay.scored import scored
from presence.replay.timeline import Timeline, ticks_of
from presence.scoring.partition import Partition

OpenPartition = Callable[[str], Partition]
PARTITION = 3
"""The number of the partition that the fixture opens."""


def rows_of(log: Sequence[Record]) -> pl.DataFrame:
    """The rows of a log, as every source of a replay gives them."""
    told = read(log).events.with_columns(pl.lit(PARTITION, pl.Int32).alias("partition"))
    return told.select(pl.col(name).cast(kind) for name, kind in ROWS.items())


def replayed(rows: pl.DataFrame) -> dict[str, bytes | None]:
    done = scored(Bucket.of(rows), PARTITION, Timeline.of(ticks_of(rows)), load())
    return dict(done.table(load()).select("person", "value").iter_rows())


def live(partition: Partition, log: Sequence[Record], chance: random.Random) -> dict[str, bytes | None]:
    """What is published of a log that comes in batches, some of them published at once; the newest of everybody."""
    found: dict[str, bytes | None] = {}
    begin = 0
    while begin < len(log) or partition.store.sweeping:
        end = begin + chance.randrange(1, 60)
        partition.apply(log[begin:end])
        begin = end
        while (chance.random() < 0.5 or begin >= len(log)) and (publication := partition.due()):
            found |= dict(publication.scores)
            partition.published(publication)
    return found


@pytest.mark.parametrize("seed", range(6))
def test_replay_makes_the_bytes_of_live_scoring(open_partition: OpenPartition, seed: int) -> None:
    log = records(list(events(700, seed)))
    wanted = live(open_partition("live"), log, random.Random(seed))
    assert replayed(rows_of(log)) == wanted


@pytest.mark.parametrize("seed", range(6))
def test_order_and_repeats_of_the_rows_change_no_byte(open_partition: OpenPartition, seed: int) -> None:
    log = records(list(events(700, seed)))
    wanted = live(open_partition("live"), log, random.Random(seed))
    rows = rows_of(log)
    scrambled = pl.concat([rows, rows.sample(300, seed=seed)]).sample(fraction=1, shuffle=True, seed=seed)
    assert replayed(scrambled) == wanted
