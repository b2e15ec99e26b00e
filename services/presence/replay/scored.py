"""From the rows of some people to their scores, by the functions that live scoring calls. Pure; no files, no Kafka."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from presence.batch import closing
from presence.batch.canonical import Networks, canonical
from presence.batch.closing import CHANGES_DAYS, Day
from presence.batch.tables import CLOSINGS, HEADER, Packed
from presence.batch.translate import CHANGES, Translator
from presence.log.topics import DAY_MS
from presence.model.coding import Coding
from presence.model.evaluate import Scores, evaluate, presence_of
from presence.model.fold import fold_coded
from presence.model.spec import Model
from presence.model.state import State
from presence.replay.columns import Bucket, in_log_order
from presence.replay.timeline import Timeline

_CODES = MappingProxyType({"person": pl.UInt32, "network": pl.UInt32})

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Scored:
    """People of one partition, what is known of them, and the scores of those who are not erased.

    people: sorted; in `state` and `scores` a person is the position among them. last_offsets: of each person's
    newest record; offsets: of their revision. since: by CHANGES what changed, for each row of the scores; null where no closing is so old.
    ignored: acts that no signal of the model names.
    """

    partition: int
    people: pl.Series
    state: State
    scores: Scores
    last_offsets: NDArray[np.int64]
    offsets: NDArray[np.int64]
    since: list[pl.Series]
    ignored: int

    def messages(self, model: Model) -> list[bytes]:
        """The serialised `Score` of each row of `scores`."""
        return Translator(model, self.partition).messages(self.scores, self.people, self.offsets, self.since)

    def table(self, model: Model, networks: Networks | None = None) -> pl.DataFrame:
        """One row of each person: the columns of the scores, what changed, and `value`, the message; null if erased.

        With `networks` also `state`, canonical by them, and `last_offset`, of the person's newest record.
        """
        people = self.scores.people.rename({"person": "position"})
        found = people.with_columns(
            *(change.cast(pl.Int32).alias(name) for name, change in zip(CHANGES, self.since, strict=True)),
            _reasons(self.scores),
            pl.Series("value", self.messages(model), dtype=pl.Binary),
        )
        everybody = pl.DataFrame(
            {
                "position": np.arange(len(self.people), dtype=np.uint32),
                "person": self.people,
                "partition": np.full(len(self.people), self.partition, dtype=np.int32),
                "offset": self.offsets,
            }
        )
        if networks is not None:
            states = canonical(self.state, len(self.people), networks)
            everybody = everybody.with_columns(
                pl.Series("state", states, dtype=pl.Binary), pl.Series("last_offset", self.last_offsets)
            )
        return everybody.join(found, on="position", how="left", maintain_order="left").drop("position")


def scored(bucket: Bucket, partition: int, timeline: Timeline, model: Model) -> Scored:
    """The scores of all people of `bucket`, whose rows are all that the partition's log has of them.

    The rows may be in any order and repeated. Folded to the end of each day of which somebody's score says what
    changed since, and then to the end, as live scoring folds it.
    """
    events, people, networks = in_log_order(bucket.rows), bucket.people, bucket.networks
    offsets, owner = events.get_column("offset").to_numpy(), events.get_column("person").to_numpy()
    first, last = _ends(offsets, owner, len(people))
    state, ignored, begin = _nothing(), 0, 0
    closings = []
    for day in _days(events, timeline, len(people)):
        end = int(np.searchsorted(offsets, day.offset))
        folded = fold_coded(state, events[begin:end], len(people), model)
        state, ignored, begin = folded.state, ignored + folded.ignored, end
        closings.append(_closing(_named(state, networks), day, first < day.offset, model))
    folded = fold_coded(state, events[begin:], len(people), model)
    state = timeline.on(_named(folded.state, networks))
    scores = evaluate(state, model)
    return Scored(
        partition,
        people,
        state,
        scores,
        last,
        np.maximum(last, timeline.new_day_offset),
        _since(closings, scores, len(people)),
        ignored + folded.ignored,
    )


def _nothing() -> State:
    return State.empty().mapped(
        lambda _table, rows: rows.cast({name: _CODES[name] for name in _CODES if name in rows.columns})
    )


def _named(state: State, networks: Coding) -> State:
    """`state` with the names of its networks."""
    return state.mapped(
        lambda _table, rows: (
            rows.with_columns(networks.decode(rows.get_column("network")))
            if "network" in rows.columns
            else rows
        )
    )


def _ends(
    offsets: NDArray[np.int64], owner: NDArray[np.uint32], size: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Of each person the first and the last offset; of equal positions the last assignment stays."""
    first, last = np.zeros(size, dtype=np.int64), np.zeros(size, dtype=np.int64)
    last[owner] = offsets
    first[owner[::-1]] = offsets[::-1]
    return first, last


def _days(events: pl.DataFrame, timeline: Timeline, size: int) -> Iterator[Day]:
    """The days of which somebody's changes speak."""
    newest = np.zeros(size, dtype=np.int64)
    np.maximum.at(newest, events.get_column("person").to_numpy(), events.get_column("observed_ms").to_numpy())
    today = np.unique(np.maximum(newest, timeline.clock_ms) // DAY_MS)
    wanted = {int(day) - back for day in today for back in CHANGES_DAYS}
    return (day for day in timeline.days if day.day in wanted)


def _closing(
    state: State, day: Day, known: Mask, model: Model
) -> tuple[int, NDArray[np.intp], NDArray[np.int64]]:
    """The day, and who had which score when it ended, of those who were known then."""
    then = replace(
        state,
        people=state.people.filter(pl.Series(known)),
        clock_ms=day.clock_ms,
        watermarks=day.watermarks,
    )
    people, presence = presence_of(then, model)
    return day.day, people.to_numpy().astype(np.intp), presence


def _since(
    closings: list[tuple[int, NDArray[np.intp], NDArray[np.int64]]], scores: Scores, size: int
) -> list[pl.Series]:
    """What changed since the closings, for each row of `scores`."""
    owner = np.concatenate([np.empty(0, dtype=np.intp), *(who for _, who, _ in closings)])
    rows = np.zeros(len(owner), dtype=CLOSINGS)
    rows["day"] = np.repeat([day for day, _, _ in closings], [len(who) for _, who, _ in closings])
    rows["presence"] = np.concatenate(
        [np.empty(0, dtype=np.int64), *(presence for _, _, presence in closings)]
    )
    order = np.argsort(owner, kind="stable")  # The days come in order.
    header = np.zeros(size, dtype=HEADER)
    header["closings"] = np.bincount(owner, minlength=size)
    position = scores.people.get_column("person").to_numpy().astype(np.intp)
    today = scores.people.get_column("as_of_ms").to_numpy() // DAY_MS
    presence = scores.people.get_column("presence").to_numpy()
    return closing.changes(Packed(header, {"closings": rows[order]}), position, presence, today)


def _reasons(scores: Scores) -> pl.Series:
    """The waterfall of each person as a list; everybody has one, if of no entries."""
    position = scores.people.get_column("person").to_numpy()
    owner = scores.waterfall.get_column("person").to_numpy()
    number = np.bincount(owner, minlength=int(position.max(initial=0)) + 1)[position]
    entries = scores.waterfall.drop("person").to_struct("entry").to_arrow()
    bounds = np.concatenate([[0], np.cumsum(number)])
    return pl.Series("waterfall", pa.LargeListArray.from_arrays(bounds, entries))
