"""What the read model answers."""

from typing import NamedTuple

from presence.events.vocabulary import PersonId
from presence.gateway.order import Place
from presence.gateway.resume import DeploymentId, Positions
from presence.gateway.rows import Row


class Seen(NamedTuple):
    """How far the model is: everything before `positions` is in it, after `changes` changes of scores."""

    deployment: DeploymentId
    positions: Positions
    changes: int
    compacted: Positions
    """Who was erased before is forgotten, so that nobody can go on from there."""
    observed_ms: int = 0
    """When the oldest record behind the newest scores was written to the activity log; 0: not known."""


class Chunk(NamedTuple):
    """Framed scores in the order of their change, and who was erased; `reached` is where the next chunk begins."""

    scores: list[bytes]
    erased: list[PersonId]
    reached: Positions
    complete: bool


class Page(NamedTuple):
    """Framed scores of a list; `last` is where the next page begins, None after the last one."""

    scores: list[bytes]
    last: Place | None
    total: int


class Standing(NamedTuple):
    """How many people score more than somebody, how many have the same presence (oneself included), of how many."""

    above: int
    equal: int
    total: int


class Ranked(NamedTuple):
    """Somebody's standing among everybody and within their kind."""

    row: Row
    among_all: Standing
    within_kind: Standing
