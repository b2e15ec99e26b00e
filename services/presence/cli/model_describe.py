"""A model as tables to read."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from rich.table import Table

from presence.model.spec import Act, Model

_SETTINGS = ("reach", "upkeep", "reviews", "associates", "conduct", "visibility", "evidence")


def tables(model: Model) -> Iterator[Table]:
    """Signals, pillars, networks, kinds, and the remaining numbers."""
    yield _signals(model)
    yield _pillars(model)
    yield _networks(model)
    yield _kinds(model)
    yield _settings(model)


def _signals(model: Model) -> Table:
    table = Table("signal", "code", "direction", "acts", "saturates per", title=f"{model.name} {model.hash}")
    for name, signal in model.signals.items():
        acts = ", ".join(map(_act, signal.acts))
        table.add_row(name, str(signal.code), signal.direction, acts, signal.saturates_per)
    return table


def _act(act: Act) -> str:
    answers = {None: "", True: " that answers somebody", False: " that answers nobody"}
    return f"{act.verb} {act.object or 'anything'}{answers[act.in_reply_to_other]}"


def _pillars(model: Model) -> Table:
    table = Table(
        "pillar", "half-life, days", "full at, nats", "weights, thousandths", title="pillars of signals"
    )
    for name, pillar in model.pillars.items():
        weights = ", ".join(f"{signal} {weight}" for signal, weight in pillar.weights.items())
        table.add_row(name, str(pillar.half_life_days), str(pillar.full_at or "the network's"), weights)
    return table


def _networks(model: Model) -> Table:
    table = Table("network", "resonance full at", "reach full at", "credibility", title="networks")
    for name, network in {**model.networks, "any other": model.network_default}.items():
        table.add_row(name, *(f"{number:,}" for number in msgspec.structs.astuple(network)))
    return table


def _kinds(model: Model) -> Table:
    percent = msgspec.to_builtins(model.kinds.person.percent)
    table = Table("kind", *percent, "reviews up to", title="percent of the score")
    for kind, spec in (("person", model.kinds.person), ("business", model.kinds.business)):
        parts = msgspec.structs.astuple(spec.percent)
        table.add_row(kind, *map(str, parts), f"{spec.reviews_max:,} millipoints")
    return table


def _settings(model: Model) -> Table:
    table = Table("key", "value", title="all other numbers")
    rest: Mapping[str, Any] = msgspec.to_builtins(model)
    for key in ("amount_max", "week_amount_max", "slots", "account_log_max"):
        table.add_row(key, f"{rest[key]:,}")
    for part in _SETTINGS:
        for key, value in rest[part].items():
            shown = (
                ", ".join(value)
                if isinstance(value, list)
                else f"{value:,}"
                if isinstance(value, int)
                else value
            )
            table.add_row(f"{part}.{key}", shown)
    return table
