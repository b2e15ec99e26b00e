"""The rows that a replay reads: what a score depends on of each event, and where in the log the event stands."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import polars as pl

from presence.events.vocabulary import NOBODY
from presence.model.coding import Coding
from presence.model.columns import EVENTS

PLACE = MappingProxyType({"partition": pl.Int32, "offset": pl.Int64})
_NOT_SCORED = frozenset({"actor_person", "time_quality", "ref_occurred_ms", "category"})
SCORED = MappingProxyType({name: kind for name, kind in EVENTS.items() if name not in _NOT_SCORED})
"""The columns of an event that a score can depend on."""
ROWS = MappingProxyType(PLACE | SCORED)
"""Column -> type. A row is one record of the log that has passed the door; a record is known by partition and offset,
however often and in which order its rows come."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """Rows of some people: a person is a position in `people`, a network one in `networks`, both sorted.

    The network that comes first has no name.
    """

    people: pl.Series
    networks: Coding
    rows: pl.DataFrame

    @classmethod
    def of(cls, rows: pl.DataFrame) -> "Bucket":
        """The bucket of `rows`, with the columns of ROWS, that are about somebody."""
        rows = rows.filter(pl.col("person") != NOBODY)
        people, networks = Coding.of([rows.get_column("person")]), coding([rows.get_column("network")])
        coded = people.encode(rows.get_column("person")), networks.encode(rows.get_column("network"))
        return cls(people.names, networks, rows.with_columns(coded))

    def partitions(self, cuts: Mapping[int, int]) -> Iterator[tuple[int, "Bucket"]]:
        """Each partition that rows are of, with its part; of one in `cuts` only what stands before that offset."""
        numbers = self.rows.get_column("partition").unique().sort().to_list()
        for number in numbers:
            whole = len(numbers) == 1 and number not in cuts
            yield number, self if whole else self._only(number, cuts.get(number))

    def _only(self, partition: int, cut: int | None) -> "Bucket":
        before = pl.lit(value=True) if cut is None else pl.col("offset") < cut
        rows = self.rows.filter((pl.col("partition") == partition) & before)
        present, place = np.unique(rows.get_column("person").to_numpy(), return_inverse=True)
        rows = rows.with_columns(pl.Series("person", place.astype(np.uint32)))
        return Bucket(self.people.gather(present), self.networks, rows)


def coding(networks: list[pl.Series]) -> Coding:
    """The numbers of networks; 0 is that of none."""
    return Coding.of([pl.Series("network", [""]), *networks])


def in_log_order(rows: pl.DataFrame) -> pl.DataFrame:
    """`rows` of one partition sorted by offset, each record once."""
    offsets = rows.get_column("offset")
    if (offsets.diff().drop_nulls() > 0).all():
        return rows
    return rows.unique("offset", keep="any").sort("offset")
