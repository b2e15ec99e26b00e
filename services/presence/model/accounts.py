"""The accounts of a state: one element each, in the order person, network, number."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from presence.events.errors import InvariantBroken
from presence.model import frames, runs
from presence.model.measures import DAY_MS
from presence.model.runs import Index, Ints
from presence.model.state import State

NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Accounts:
    """Every account that has counts or gauges.

    person: position in the people; network: position in `networks`; number: the account's hash; day: the
    day that its rows decay to. `of_counts` and `of_gauges` give the account of each row of the state.
    """

    networks: list[str]
    person: Index
    network: Index
    number: NDArray[np.uint64]
    day: Ints
    of_counts: Index
    of_gauges: Index

    def __len__(self) -> int:
        return len(self.person)

    def spread(self, by_network: list[int]) -> Ints:
        """A number of each account's network."""
        return np.array(by_network, dtype=np.int64)[self.network]


def accounts(state: State, people: pl.Series, as_of_day: Ints) -> Accounts:
    """The accounts of `people`, who are all the people of the state's rows, sorted.

    Raises InvariantBroken where rows are not sorted by their key or belong to nobody.
    """
    counts, gauges = _heads(state.counts, people), _heads(state.gauges, people)
    networks = sorted({*frames.distinct(counts.network), *frames.distinct(gauges.network)})
    coding = pl.Enum(networks)
    person = np.concatenate([counts.person, gauges.person])
    network = np.concatenate([frames.codes(head.network, coding) for head in (counts, gauges)])
    number = np.concatenate([counts.number, gauges.number])
    order = np.lexsort((number, network, person))
    person, network, number = person[order], network[order].astype(np.intp), number[order]
    begins = runs.starts(person, network, number)
    place = np.empty(len(order), dtype=np.intp)
    place[order] = np.repeat(np.arange(len(begins)), runs.lengths(begins, len(order)))
    complete = [state.watermarks.get(name, NEVER) // DAY_MS for name in networks]
    network = network[begins]
    day = np.minimum(as_of_day[person[begins]], np.array(complete, dtype=np.int64)[network])
    of_counts = np.repeat(place[: len(counts)], counts.lengths)
    of_gauges = np.repeat(place[len(counts) :], gauges.lengths)
    return Accounts(networks, person[begins], network, number[begins], day, of_counts, of_gauges)


@dataclass(frozen=True)
class _Heads:
    """The accounts of one table, in its order, and how many rows each has."""

    person: Index
    network: pl.Series
    number: NDArray[np.uint64]
    lengths: Index

    def __len__(self) -> int:
        return len(self.person)


def _heads(table: pl.DataFrame, people: pl.Series) -> _Heads:
    begins = runs.starts(*(frames.marks(table[name]) for name in ("person", "network", "account")))
    head = frames.taken(frames.only(table, ("person", "network", "account")), begins)
    return _Heads(
        positions(head["person"], people),
        head["network"],
        head["account"].to_numpy(),
        runs.lengths(begins, len(table)),
    )


def positions(column: pl.Series, people: pl.Series) -> Index:
    """Where the persons of a sorted column stand among the people, who are sorted too."""
    begins = runs.starts(frames.marks(column))
    each = frames.taken(column, begins)
    places = np.flatnonzero(frames.among(people, each))
    if len(places) != len(each) or not frames.taken(people, places).equals(each):
        raise InvariantBroken("the state is not sorted by person, or has rows of nobody")
    return np.repeat(places, runs.lengths(begins, len(column)))
