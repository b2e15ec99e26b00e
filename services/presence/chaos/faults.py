"""How each fault is done to the running parts. Every one ends with all parts able to work again."""

import os
import signal
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType

from presence.broker import Broker
from presence.chaos.parts import Parts
from presence.chaos.plan import Fault, Step
from presence.events.errors import InvariantBroken
from presence.log.topics import DAY_MS

JOIN_S_MAX = 30.0
"""For a worker to start and be heard of."""
POLL_S = 0.05

Pause = Callable[[float], None]
"""Wait so many seconds while the rest of the run is looked after."""


def do(step: Step, parts: Parts, pause: Pause) -> None:
    """Do the fault of `step`; returns when its cause is over, not when all have recovered."""
    _BY_FAULT[step.fault](step, parts, pause)


def _kill(step: Step, parts: Parts, pause: Pause) -> None:
    worker = parts.workers.members[step.worker]
    parts.workers.kill(worker)
    pause(step.lasts_s)
    parts.workers.revive(worker)


def _freeze(step: Step, parts: Parts, pause: Pause) -> None:
    worker = parts.workers.members[step.worker]
    worker.process.send_signal(signal.SIGSTOP)
    pause(step.lasts_s)
    worker.process.send_signal(signal.SIGCONT)


def _join(step: Step, parts: Parts, pause: Pause) -> None:
    """A worker more, which leaves again some time after it has got partitions: politely, or by SIGKILL."""
    said = parts.workers.said_bytes("guest")
    guest = parts.workers.start("guest")
    give_up_at_s = time.monotonic() + JOIN_S_MAX
    while parts.workers.said_bytes("guest") == said and time.monotonic() < give_up_at_s:
        pause(POLL_S)
    pause(step.lasts_s)
    if step.abrupt:
        parts.workers.kill(guest)
    else:
        parts.workers.leave(guest, pause)


def _restart_broker(step: Step, parts: Parts, pause: Pause) -> None:
    if step.abrupt:
        os.kill(_pid(parts.broker), signal.SIGKILL)
    else:
        parts.broker.stop()
    pause(step.lasts_s)
    parts.broker.start()


def _pause_broker(step: Step, parts: Parts, pause: Pause) -> None:
    pid = _pid(parts.broker)
    os.kill(pid, signal.SIGSTOP)
    pause(step.lasts_s)
    os.kill(pid, signal.SIGCONT)


def _cut_network(step: Step, parts: Parts, pause: Pause) -> None:
    proxy = parts.proxies[step.worker]
    proxy.cut(abrupt=step.abrupt)
    pause(step.lasts_s)
    proxy.heal()


def _fill_disk(step: Step, parts: Parts, pause: Pause) -> None:
    assert parts.disk is not None
    worker = parts.workers.members[step.worker]
    parts.disk.fill(worker.process.pid)
    pause(step.lasts_s)
    # It may have ended of it, and be another process by now, without a limit.
    parts.disk.free(worker.process.pid)


def _jump_clock(step: Step, parts: Parts, pause: Pause) -> None:
    """Days ahead if abrupt, else behind; and right again."""
    worker = parts.workers.members[step.worker]
    parts.workers.set_clock(worker, (1 if step.abrupt else -1) * int(step.lasts_s * DAY_MS))
    pause(step.lasts_s)
    parts.workers.set_clock(worker, 0)


def _pid(broker: Broker) -> int:
    pid = broker.status().pid
    if pid is None:
        raise InvariantBroken(f"the broker has ended by itself; see {broker.log_path}")
    return pid


_BY_FAULT: Mapping[Fault, Callable[[Step, Parts, Pause], None]] = MappingProxyType(
    {
        Fault.KILL: _kill,
        Fault.FREEZE: _freeze,
        Fault.JOIN: _join,
        Fault.BROKER_RESTART: _restart_broker,
        Fault.BROKER_PAUSE: _pause_broker,
        Fault.NETWORK_LOSS: _cut_network,
        Fault.DISK_FULL: _fill_disk,
        Fault.CLOCK_JUMP: _jump_clock,
    }
)
