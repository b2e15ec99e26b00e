"""How each fault is done to the running parts. Every one ends with all parts able to work again."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from presence.chaos.plan import Fault, Step
from presence.chaos.workers import Workers

Pause = Callable[[float], None]
"""Wait so many seconds while the rest of the run is looked after."""


@dataclass(frozen=True, slots=True)
class Victims:
    """Whom a fault can hit."""

    workers: Workers


def do(step: Step, victims: Victims, pause: Pause) -> None:
    """Do the fault of `step`; returns when its cause is over, not when all have recovered."""
    _BY_FAULT[step.fault](step, victims, pause)


def _kill(step: Step, victims: Victims, pause: Pause) -> None:
    worker = victims.workers.members[step.worker]
    victims.workers.kill(worker)
    pause(step.lasts_s)
    victims.workers.revive(worker)


_BY_FAULT: Mapping[Fault, Callable[[Step, Victims, Pause], None]] = MappingProxyType({Fault.KILL: _kill})
