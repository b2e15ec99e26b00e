"""The judge: folds the whole log once more, by the model alone, and compares every person with what was published.

Nothing of scoring is used here. The log is decoded, folded in one go and evaluated in one go.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from presence.chaos.watcher import Published
from presence.events import door
from presence.events.errors import InvalidEvent
from presence.events.vocabulary import NOBODY, Event
from presence.log import codec
from presence.log.kafka import read_to_end
from presence.log.settings import Settings
from presence.model import columns
from presence.model.evaluate import Scores, evaluate
from presence.model.fold import fold
from presence.model.spec import PILLARS, Model
from presence.model.state import State
from presence.v1 import score_pb2

Said = dict[str, Any]
"""What a score says, as plain values: by field, `accounts` and `waterfall` as lists of tuples."""


@dataclass(slots=True)
class PartitionLog:
    """One partition as it stands in the log."""

    events: list[Event] = field(default_factory=list)
    records: int = 0
    last_offsets: dict[str, int] = field(default_factory=dict)
    """Of each person, the newest record."""
    end: int = 0


@dataclass(frozen=True, slots=True)
class Truth:
    """What ought to be published of a partition: its state, and the score of everybody who is not erased."""

    state: State
    scores: Mapping[str, Said]
    end: int
    """The offset after the log's last record."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Somebody whose score says something else than it ought to."""

    person: str
    said: Said
    wanted: Said

    @property
    def fields(self) -> list[str]:
        """The names of the fields that differ."""
        return [name for name, value in self.wanted.items() if self.said[name] != value]


@dataclass(slots=True)
class Verdict:
    """How many people were compared, and who is wrong in which way."""

    people: int = 0
    missing: list[str] = field(default_factory=list)
    extra: list[str] = field(default_factory=list)
    differing: list["Difference"] = field(default_factory=list)
    as_of_behind: int = 0
    """People whose score is right, but speaks of an earlier time than the log does."""

    @property
    def wrong(self) -> int:
        """How many people are wrong."""
        return len(self.missing) + len(self.extra) + len(self.differing)


def read_log(settings: Settings) -> dict[int, PartitionLog]:
    """Every partition of the activity log, from its beginning to its end as of now."""
    logs = {number: PartitionLog() for number in range(settings.partitions)}
    for record in read_to_end(settings, settings.topics.activity):
        log = logs[record.partition]
        log.records, log.end = log.records + 1, record.offset + 1
        try:
            event = door.check(codec.decode(record.value))
        except InvalidEvent:
            continue
        log.events.append(event)
        if event.person != NOBODY:
            log.last_offsets[event.person] = record.offset
    return logs


def truth(log: PartitionLog, model: Model) -> Truth:
    """What the model makes of a partition's whole log."""
    state = fold(State.empty(), columns.frame(log.events), model).state
    return Truth(state, dict(_said(evaluate(state, model), model)), log.end)


def judge(truths: Iterable[Truth], published: Mapping[str, Published], model: Model) -> Verdict:
    """Compare everybody in every field; the time of which a score speaks is the score's own."""
    verdict = Verdict()
    values = {person: each.value for person, each in published.items() if each.value is not None}
    for each in truths:
        verdict.people += len(each.scores)
        found = {person: _published(values.pop(person)) for person in each.scores if person in values}
        verdict.missing += each.scores.keys() - found.keys()
        verdict.differing += _differing(each, found, model)
        verdict.as_of_behind += sum(
            said["as_of_ms"] < each.scores[person]["as_of_ms"] for person, said in found.items()
        )
    verdict.extra = list(values)
    return verdict


def _differing(truth: Truth, found: Mapping[str, Said], model: Model) -> Iterator[Difference]:
    """Who says something else than the truth, now or at the time of which it speaks."""
    other_times: defaultdict[int, list[str]] = defaultdict(list)
    for person, said in found.items():
        wanted = truth.scores[person]
        if {**wanted, "as_of_ms": said["as_of_ms"]} != said:
            yield Difference(person, said, wanted)
        elif said["as_of_ms"] != wanted["as_of_ms"]:
            other_times[said["as_of_ms"]].append(person)
    for as_of_ms, people in other_times.items():
        for person, wanted in _said(evaluate(_of(truth.state, people), model, as_of_ms), model):
            if wanted != found[person]:
                yield Difference(person, found[person], wanted)


def _of(state: State, people: Sequence[str]) -> State:
    """The part of `state` that is about some people."""
    return state.mapped(lambda _table, rows: rows.filter(pl.col("person").is_in(people)))


def _said(scores: Scores, model: Model) -> Iterator[tuple[str, Said]]:
    accounts, waterfall = defaultdict(list), defaultdict(list)
    for row in scores.accounts.iter_rows(named=True):
        accounts[row["person"]].append((row["network"], row["account"], *(row[name] for name in PILLARS)))
    for row in scores.waterfall.iter_rows(named=True):
        entry = (row["entry"], row["network"], row["account"], row["millipoints"])
        waterfall[row["person"]].append(entry)
    for row in scores.people.iter_rows(named=True):
        person = row.pop("person")
        yield (
            person,
            {
                **row,
                "model": (model.name, model.hash),
                "accounts": accounts[person],
                "waterfall": waterfall[person],
            },
        )


def _published(value: bytes) -> Said:
    score = score_pb2.Score.FromString(value)
    return {
        "kind": score.kind,
        "as_of_ms": score.as_of_time.ToMilliseconds(),
        "presence": score.presence_millipoints,
        "visibility": score.visibility_millipoints,
        **{name: getattr(score.pillars, name) for name in PILLARS},
        "reviews": score.reviews_millipoints,
        "associates": score.associates_millipoints,
        "factor": score.conduct_factor_micro,
        "evidence": score.evidence_millievents,
        "confidence": score.confidence_micro,
        "generosity": score.generosity_micro,
        "events": score.events,
        "stale": list(score.stale_networks),
        "model": (score.model.name, score.model.hash),
        "accounts": [
            (each.network, each.account, *(getattr(each.shares, name) for name in PILLARS))
            for each in score.accounts
        ],
        "waterfall": [(each.entry, each.network, each.account, each.millipoints) for each in score.waterfall],
    }
