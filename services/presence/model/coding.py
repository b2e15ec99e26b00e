"""People and networks as numbers, in the order of their names: what sorts and groups fast."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

import polars as pl

from presence.model import frames
from presence.model.state import State

_NOWHERE = pl.Series("network", [""])
"""The network of an undone ledger entry; it is number 0 of every coding."""


@dataclass(frozen=True)
class Coding:
    """Sorted names; a name's number is its position, so numbers sort as the names do (by bytes)."""

    names: pl.Series

    @classmethod
    def of(cls, columns: Iterable[pl.Series]) -> "Coding":
        return cls(frames.distinct(pl.concat([frames.distinct(column) for column in columns])))

    def encode(self, column: pl.Series) -> pl.Series:
        return pl.Series(column.name, frames.codes(column, self._enum))

    def decode(self, column: pl.Series) -> pl.Series:
        return self.names[column].alias(column.name)

    @cached_property
    def _enum(self) -> pl.Enum:
        return pl.Enum(self.names)


@dataclass(frozen=True)
class Names:
    """The coding of everybody and of every network in one batch and the state it meets."""

    people: Coding
    networks: Coding

    @classmethod
    def of(cls, state: State, events: pl.DataFrame) -> "Names":
        tables = [state.counts, state.gauges, state.ledger, events]
        return cls(
            Coding.of([state.people["person"], events["person"]]),
            Coding.of([_NOWHERE, *(table["network"] for table in tables)]),
        )

    def encode(self, table: pl.DataFrame) -> pl.DataFrame:
        return self._mapped(table, self.people.encode, self.networks.encode)

    def decode(self, table: pl.DataFrame) -> pl.DataFrame:
        return self._mapped(table, self.people.decode, self.networks.decode)

    def encode_state(self, state: State) -> State:
        return state.mapped(lambda _table, rows: self.encode(rows))

    def decode_state(self, state: State) -> State:
        return state.mapped(lambda _table, rows: self.decode(rows))

    @staticmethod
    def _mapped(
        table: pl.DataFrame,
        person: Callable[[pl.Series], pl.Series],
        network: Callable[[pl.Series], pl.Series],
    ) -> pl.DataFrame:
        changed = [person(table["person"])]
        if "network" in table.columns:
            changed.append(network(table["network"]))
        return frames.put(table, *changed)
