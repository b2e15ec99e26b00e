"""Replayed against live: person by person, to the byte, and where they differ first. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from heapq import merge
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from google.protobuf.message import Message

from presence.batch.canonical import Differs, Networks, difference
from presence.log import revision
from presence.v1 import score_pb2

Key = tuple[str, int]
"""A person, and the partition."""


class Wanted(NamedTuple):
    """What a replay says of a person: the score as of the revision's `offset`, None if erased; the state as of `last_offset`."""

    key: Key
    offset: int
    value: bytes | None
    last_offset: int
    state: bytes


class Live(NamedTuple):
    """What live scoring says: a score at its revision's offset (None: a tombstone), or a state as of the newest record."""

    key: Key
    offset: int
    value: bytes | None
    what: str


@dataclass(frozen=True, slots=True)
class Difference:
    """Who, in which partition, at which offset of the log, of what (`score` or `state`), which field, which values."""

    person: str
    partition: int
    offset: int
    what: str
    field: str
    replayed: Any
    live: Any


@dataclass(slots=True)
class Verdict:
    """What came out.

    equal, differ: scores and states that are the same to the byte, or not. behind: people of whom live has not published
    all yet; moved: of whom it knows more than was replayed. Of neither can anything be said.
    """

    equal: Counter[str] = field(default_factory=Counter)
    differ: Counter[str] = field(default_factory=Counter)
    behind: int = 0
    moved: int = 0
    first: Difference | None = None

    @property
    def exit_code(self) -> int:
        """0 equal, 1 differs, 2 cannot say: nobody could be compared, or live is behind."""
        if self.differ.total():
            return 1
        return 2 if self.behind or not self.equal["score"] else 0

    def as_dict(self) -> dict[str, Any]:
        return {
            "verdict": ("equal", "differs", "cannot say")[self.exit_code],
            "scores_equal": self.equal["score"],
            "scores_differ": self.differ["score"],
            "states_equal": self.equal["state"],
            "states_differ": self.differ["state"],
            "behind": self.behind,
            "moved": self.moved,
            "first": asdict(self.first) if self.first else None,
        }


def compare(
    wanted: Iterable[Wanted], live: Sequence[Iterable[Live]], networks: Networks, ends: Mapping[int, int]
) -> Verdict:
    """The verdict on all people. Every stream is sorted by key.

    `networks` are those of the states; `ends` is by partition the offset after the last record that was replayed.
    """
    verdict = Verdict()
    tagged = [_tagged(wanted, 0), *(_tagged(each, 1) for each in live)]
    by_key = groupby(merge(*tagged, key=itemgetter(0, 1)), key=itemgetter(0))
    for key, rows in by_key:
        told = [row for _, _, row in rows]
        ours = next((row for row in told if isinstance(row, Wanted)), None)
        theirs = [row for row in told if isinstance(row, Live)]
        scores = [row for row in theirs if row.what == "score"]
        _judge_score(verdict, key, ours, scores, ends.get(key[1], 0))
        _judge_state(verdict, key, ours, [row for row in theirs if row.what == "state"], networks)
    return verdict


def _tagged(rows: Iterable[Any], origin: int) -> Iterator[tuple[Key, int, Any]]:
    return ((row.key, origin, row) for row in rows)


def _judge_score(verdict: Verdict, key: Key, ours: Wanted | None, live: Sequence[Live], end: int) -> None:
    """`live` is in the order in which it was published; the partition was replayed up to offset `end`."""
    newest = next((row for row in live[-1:] if row.value is not None), None)
    if ours is None or ours.value is None:
        since = end if ours is None else ours.offset
        if newest is None:
            verdict.equal["score"] += ours is not None
        elif (ours is None) == (newest.offset >= since):
            _undecided(verdict, moved=ours is None)
        else:
            _found(verdict, Difference(*key, newest.offset, "score", "person", None, key[0]))
        return
    exact = [row for row in live if row.offset == ours.offset]
    if not exact:
        _undecided(verdict, moved=newest is not None and newest.offset > ours.offset)
    elif (differs := _score_difference(ours.value, exact[-1].value or b"")) is not None:
        _found(verdict, Difference(*key, ours.offset, "score", *differs))
    else:
        verdict.equal["score"] += 1


def _undecided(verdict: Verdict, *, moved: bool) -> None:
    if moved:
        verdict.moved += 1
    else:
        verdict.behind += 1


def _judge_state(
    verdict: Verdict, key: Key, ours: Wanted | None, live: Sequence[Live], networks: Networks
) -> None:
    for row in live:
        if ours is None or row.offset != ours.last_offset:
            continue  # Of other records: what the scores say of that person says it.
        differs = difference(ours.state, row.value or b"", networks)
        if differs is None:
            verdict.equal["state"] += 1
        else:
            _found(verdict, Difference(*key, row.offset, "state", *differs))


def _found(verdict: Verdict, differs: Difference) -> None:
    verdict.differ[differs.what] += 1
    verdict.first = verdict.first or differs


def _score_difference(one: bytes, other: bytes) -> Differs | None:
    """Where two serialised scores differ first."""
    if one == other:
        return None
    messages = score_pb2.Score.FromString(one), score_pb2.Score.FromString(other)
    return _first(*messages, "") or Differs("bytes", one.hex(), other.hex())


def _first(one: Message, other: Message, path: str) -> Differs | None:
    for descriptor in one.DESCRIPTOR.fields:
        name = f"{path}{descriptor.name}"
        values = getattr(one, descriptor.name), getattr(other, descriptor.name)
        if descriptor.is_repeated:
            for number in range(max(map(len, values))):
                one_value, other_value = (value[number] if number < len(value) else None for value in values)
                if found := _differs(descriptor, one_value, other_value, f"{name}[{number}]"):
                    return found
        elif descriptor.has_presence and one.HasField(descriptor.name) != other.HasField(descriptor.name):
            there = (message.HasField(descriptor.name) for message in (one, other))
            return Differs(
                name, *(_plain(value) if has else None for value, has in zip(values, there, strict=True))
            )
        elif found := _differs(descriptor, *values, name):
            return found
    return None


def _differs(descriptor: Any, one: Any, other: Any, name: str) -> Differs | None:
    if one == other:
        return None
    if descriptor.message_type is not None and one is not None and other is not None:
        return _first(one, other, f"{name}.")
    return Differs(name, _plain(one), _plain(other))


def _plain(value: Any) -> Any:
    return str(value).strip() if isinstance(value, Message) else value


def revision_offset(value: bytes) -> int:
    """Of the revision of a serialised score."""
    return revision.decode(score_pb2.Score.FromString(value).revision).offset
