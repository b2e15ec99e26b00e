"""What the serving processes answer: every service of the API, put together from the same parts.

A service is a name, its methods, and whatever it opens: a builder takes `Parts` and returns a `Service`. Another one is a
builder of its own file and a line in `BUILDERS`; who may call, limits, refusals and the audit log come with `Method`.
"""

from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import NamedTuple

from presence.gateway import conduct
from presence.gateway.aside import Aside
from presence.gateway.calls import Method
from presence.gateway.conduct import ConductServicer
from presence.gateway.log_reader import LogReader
from presence.gateway.log_writer import LogWriter
from presence.gateway.people_states import PeopleStates
from presence.gateway.read_model import ReadModel
from presence.gateway.reasons import ReasonServicer
from presence.gateway.roster import SERVICE as ROSTER
from presence.gateway.roster import RosterServicer
from presence.gateway.roster_desk import Desk
from presence.gateway.servicer import SERVICE, Limits, ScoreServicer
from presence.gateway.settings import GatewaySettings
from presence.gateway.what_if import WhatIfServicer
from presence.log.settings import Settings
from presence.model.spec import load
from presence.roster.keys import MasterKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What services are made of. A builder opens nothing that it does not push onto `closing`, and waits for no network."""

    settings: Settings
    own: GatewaySettings
    limits: Limits
    model: ReadModel
    scores: ScoreServicer
    closing: AsyncExitStack
    """Unwound after the last call has ended."""


class Service(NamedTuple):
    """`name` with its package, as in `presence.v1.ScoreService`."""

    name: str
    methods: Sequence[Method]


def _scores(parts: Parts) -> Service:
    aside = Aside()
    reader = parts.closing.enter_context(LogReader(parts.settings, aside))
    states = parts.closing.enter_context(PeopleStates(parts.settings, aside))
    parts.closing.enter_context(aside)  # Left first: its thread uses the other two.
    master = MasterKey.existing(parts.settings)
    reasons = ReasonServicer(parts.scores, parts.model, parts.limits, log=reader, master=master)
    what_if = WhatIfServicer(parts.scores, states, aside, load(parts.settings.model))
    return Service(SERVICE, (*parts.scores.methods(), *reasons.methods(), *what_if.methods()))


def _roster(parts: Parts) -> Service:
    desk = Desk(parts.settings)
    parts.closing.push_async_callback(desk.close)
    return Service(ROSTER, RosterServicer(desk, parts.scores).methods())


def _conduct(parts: Parts) -> Service:
    writer = parts.closing.enter_context(LogWriter(parts.settings))
    aside = parts.closing.enter_context(Aside())  # Left first: its thread writes.
    master = MasterKey.existing(parts.settings)
    servicer = ConductServicer(parts.scores, parts.model, aside, writer, master)
    return Service(conduct.SERVICE, servicer.methods())


BUILDERS: tuple[Callable[[Parts], Service], ...] = (_scores, _roster, _conduct)


def services(parts: Parts) -> tuple[Service, ...]:
    """All of them. Raises CallerError for a setting that cannot be used."""
    return tuple(build(parts) for build in BUILDERS)
