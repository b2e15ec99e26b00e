"""An act behind a change of a score, as a client sees it: the vocabulary's words, and its position in the log."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from presence.v1 import event_pb2, service_pb2


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One record of the log; words in lower case, empty or 0 where they do not apply. Units are those of `event.proto`."""

    revision: str
    """Of the first score that counts it."""
    id: int
    kind: str
    """`activity`, `undo`, `gauge`, `flag`, ...; empty for a record that counts nothing since it cannot be read."""
    network: str
    account: int
    direction: str
    verb: str
    object: str
    occurred_ms: int
    observed_ms: int
    magnitude: int
    rating: int
    gauge: str
    value: int
    ref_id: int
    """What is taken back, or flagged."""
    severity: str
    category: str
    withdrawn: bool
    mean: int
    number: int
    link: str
    """Where it can be seen; empty unless asked for."""

    def as_dict(self) -> dict[str, Any]:
        """For JSON: without what does not apply, ids as 16 hex digits."""
        found = {name: value for name, value in asdict(self).items() if value}
        return found | {name: f"{found[name]:016x}" for name in ("id", "account", "ref_id") if name in found}


@dataclass(frozen=True, slots=True)
class Acts:
    """A page of them."""

    acts: tuple[Act, ...]
    next_page_token: str
    """Empty: there are no more."""
    records_left: int
    """How much of the log the pages to come have to search."""


def page_from(message: service_pb2.ScoreChange) -> Acts:
    return Acts(tuple(map(_act_from, message.acts)), message.next_acts_page_token, message.records_left)


def _act_from(message: service_pb2.Act) -> Act:
    event = message.event
    words: dict[str, Any] = dict(_words(event))
    numbers: dict[str, Any] = {
        name: getattr(event, name)
        for name in (
            "id",
            "network",
            "account",
            "occurred_ms",
            "observed_ms",
            "magnitude",
            "rating",
            "value",
            "ref_id",
            "withdrawn",
            "mean",
            "number",
        )
    }
    return Act(revision=message.revision, link=message.link, **words, **numbers)


def _words(event: event_pb2.Event) -> Iterator[tuple[str, str]]:
    """The enums as words; empty for unspecified, and for one that this client does not know."""
    for name in ("kind", "direction", "verb", "object", "gauge", "severity", "category"):
        enum = event_pb2.Event.DESCRIPTOR.fields_by_name[name].enum_type
        assert enum is not None
        value = enum.values_by_number.get(getattr(event, name))
        prefix = enum.values_by_number[0].name.removesuffix("UNSPECIFIED")
        yield name, value.name.removeprefix(prefix).lower() if value is not None and value.number else ""
