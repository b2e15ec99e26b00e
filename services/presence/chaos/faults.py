"""How each fault is done to the running parts. Every one ends with all parts able to work again."""

import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from presence.broker import Broker
from presence.chaos.plan import Fault, Step
from presence.chaos.workers import Workers
from presence.events.errors import InvariantBroken

Pause = Callable[[float], None]
"""Wait so many seconds while the rest of the run is looked after."""


@dataclass(frozen=True, slots=True)
class Victims:
    """Whom a fault can hit."""

    workers: Workers
    broker: Broker


def do(step: Step, victims: Victims, pause: Pause) -> None:
    """Do the fault of `step`; returns when its cause is over, not when all have recovered."""
    _BY_FAULT[step.fault](step, victims, pause)


def _kill(step: Step, victims: Victims, pause: Pause) -> None:
    worker = victims.workers.members[step.worker]
    victims.workers.kill(worker)
    pause(step.lasts_s)
    victims.workers.revive(worker)


def _freeze(step: Step, victims: Victims, pause: Pause) -> None:
    worker = victims.workers.members[step.worker]
    worker.process.send_signal(signal.SIGSTOP)
    pause(step.lasts_s)
    worker.process.send_signal(signal.SIGCONT)


def _join(step: Step, victims: Victims, pause: Pause) -> None:
    """A worker more, which leaves again: politely, or abruptly for good."""
    guest = victims.workers.start("guest")
    pause(step.lasts_s)
    if step.abrupt:
        victims.workers.kill(guest)
    else:
        victims.workers.leave(guest, pause)


def _restart_broker(step: Step, victims: Victims, pause: Pause) -> None:
    if step.abrupt:
        os.kill(_pid(victims.broker), signal.SIGKILL)
    else:
        victims.broker.stop()
    pause(step.lasts_s)
    victims.broker.start()


def _pause_broker(step: Step, victims: Victims, pause: Pause) -> None:
    pid = _pid(victims.broker)
    os.kill(pid, signal.SIGSTOP)
    pause(step.lasts_s)
    os.kill(pid, signal.SIGCONT)


def _pid(broker: Broker) -> int:
    pid = broker.status().pid
    if pid is None:
        raise InvariantBroken(f"the broker has ended by itself; see {broker.log_path}")
    return pid


_BY_FAULT: Mapping[Fault, Callable[[Step, Victims, Pause], None]] = MappingProxyType(
    {
        Fault.KILL: _kill,
        Fault.FREEZE: _freeze,
        Fault.JOIN: _join,
        Fault.BROKER_RESTART: _restart_broker,
        Fault.BROKER_PAUSE: _pause_broker,
    }
)
