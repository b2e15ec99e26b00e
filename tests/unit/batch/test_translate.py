"""What is written as columns is what protobuf itself would have written, one score after the other."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
from google.protobuf.timestamp_pb2 import Timestamp
from tests.service.logs import events

from presence.batch.translate import ACCOUNTS_MAX, REASONS_MAX, Translator
from presence.events.vocabulary import AccountHash, Event, EventId, Gauge, Kind, Network, PersonId, Verb
from presence.log.revision import Revision, encode
from presence.model.columns import frame
from presence.model.evaluate import Scores, evaluate
from presence.model.fold import fold
from presence.model.spec import PILLARS, load
from presence.model.state import State
from presence.v1 import event_pb2, score_pb2

MODEL = load()
PARTITION = 70_000
NUMBERS = ("presence", "visibility", "reviews", "associates")


def grouped(rows: pl.DataFrame) -> defaultdict[int, list[dict[str, Any]]]:
    groups: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in rows.iter_rows(named=True):
        groups[row["person"]].append(row)
    return groups


def pillars(row: Mapping[str, int]) -> score_pb2.Pillars:
    return score_pb2.Pillars(**{name: row[name] for name in PILLARS})


def by_protobuf(
    scores: Scores, names: list[str], offsets: list[int], change: list[int | None]
) -> list[bytes]:
    accounts, waterfall = grouped(scores.accounts), grouped(scores.waterfall)
    found = []
    for row in scores.people.iter_rows(named=True):
        who, ms = row["person"], row["as_of_ms"]
        message = score_pb2.Score(
            person=names[who],
            kind=event_pb2.PersonKind.ValueType(row["kind"]),
            model=score_pb2.Model(name=MODEL.name, hash=MODEL.hash),
            as_of_time=Timestamp(seconds=ms // 1000, nanos=ms % 1000 * 1_000_000),
            **{f"{name}_millipoints": row[name] for name in NUMBERS},
            pillars=pillars(row),
            conduct_factor_micro=row["factor"],
            evidence_millievents=row["evidence"],
            confidence_micro=row["confidence"],
            generosity_micro=row["generosity"],
            accounts=[
                score_pb2.AccountShares(
                    network=each["network"], account=each["account"], shares=pillars(each)
                )
                for each in accounts[who]
            ],
            waterfall=[
                score_pb2.WaterfallEntry(**{name: each[name] for name in each if name != "person"})
                for each in waterfall[who]
            ],
            stale_networks=row["stale"],
            events=row["events"],
            revision=encode(Revision(PARTITION, offsets[who])),
        )
        if change[who] is not None:
            message.day_change_millipoints = change[who]
        found.append(message.SerializeToString(deterministic=True))
    return found


def coded(scores: Scores, names: list[str]) -> Scores:
    """The same scores with a person as its position."""
    number = {name: at for at, name in enumerate(names or [""])}
    frames = [
        rows.with_columns(pl.col("person").replace_strict(number, return_dtype=pl.UInt32))
        for rows in (scores.people, scores.accounts, scores.waterfall)
    ]
    return Scores(*frames)


def test_the_bytes_are_those_of_protobuf() -> None:
    state = fold(State.empty(), frame(events(600)), MODEL).state
    names = sorted(["o_nobody", *state.people["person"]])
    scores = coded(evaluate(state, MODEL), names)
    offsets = [2**40 + 977 * at for at in range(len(names))]
    change = [None, 0, -100_000, 5, None, 7]
    here = scores.people["person"].to_list()
    empty = pl.Series([None] * len(here), dtype=pl.Int64)
    since = [pl.Series([change[who] for who in here], dtype=pl.Int64), empty, empty]
    got = Translator(MODEL, PARTITION).messages(scores, pl.Series(names), np.array(offsets), since)
    assert got == by_protobuf(scores, names, offsets, change)
    assert len(got) == 5
    assert score_pb2.Score.FromString(got[0]).waterfall


def test_nobody_is_no_message() -> None:
    scores = coded(evaluate(State.empty(), MODEL), [])
    nothing = pl.Series([], dtype=pl.Int64)
    assert (
        Translator(MODEL, 0).messages(
            scores, pl.Series([], dtype=pl.String), np.empty(0, dtype=np.int64), [nothing] * 3
        )
        == []
    )


def test_a_score_of_thousands_of_accounts_says_what_does_not_fit_into_a_record() -> None:
    number = 3_000
    state = fold(State.empty(), frame(_acts_everywhere(number)), MODEL).state
    scores = coded(evaluate(state, MODEL), ["p_many", "p_one"])
    nothing = pl.Series([None, None], dtype=pl.Int64)
    values = Translator(MODEL, PARTITION).messages(
        scores, pl.Series(["p_many", "p_one"]), np.array([1, 2]), [nothing] * 3
    )
    many, one = map(score_pb2.Score.FromString, values)
    reasons = scores.waterfall.filter(pl.col("person") == 0)
    assert max(map(len, values)) < 1_000_000 < len(reasons) * 200
    assert len(many.accounts) == ACCOUNTS_MAX
    assert many.accounts_left_out == number - ACCOUNTS_MAX
    assert len(many.waterfall) == REASONS_MAX
    assert many.reasons_left_out == len(reasons) - REASONS_MAX
    assert sum(reasons["millipoints"]) == many.presence_millipoints
    assert (len(one.accounts), one.accounts_left_out, one.reasons_left_out) == (1, 0, 0)


def _acts_everywhere(networks: int) -> Iterator[Event]:
    """An act on each of so many networks, of a person who has an account there; and one of somebody else."""
    post = next(event for event in events(50) if event.verb == Verb.CREATE)
    for at in range(networks):
        network, account = Network(f"n{at:04d}"), AccountHash(at + 1)
        yield replace(post, id=EventId(at), person=PersonId("p_many"), network=network, account=account)
        yield replace(
            post, kind=Kind.GAUGE, id=EventId(networks + at), person=PersonId("p_many"), network=network,
            account=account, gauge=Gauge.FOLLOWERS, value=1_000,
        )  # fmt: skip
    yield replace(post, person=PersonId("p_one"))
