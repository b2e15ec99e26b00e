"""What a run of chaos does, and when: a pure function of its options, so that a seed repeats it."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType

SLICE_S = 3.0
"""Over how long the events around a fault are spread, besides the fault itself, so that it meets workers at work."""
UNSETTLED_RATIO = 0.25
"""Of the faults, how many are followed by the next one before everybody has recovered. Chosen."""


class Fault(StrEnum):
    """Something that happens to a worker or to what it needs."""

    KILL = "kills"
    FREEZE = "freezes"
    JOIN = "joins"
    BROKER_RESTART = "broker_restarts"
    BROKER_PAUSE = "broker_pauses"
    NETWORK_LOSS = "network_losses"
    DISK_FULL = "disk_full"
    CLOCK_JUMP = "clock_jumps"


LASTS_S: Mapping[Fault, tuple[float, float]] = MappingProxyType(
    {
        Fault.KILL: (0.0, 1.0),
        # Longer than the session timeout of a worker (10 s), so that it is taken for dead, and then woken.
        Fault.FREEZE: (11.0, 15.0),
        Fault.JOIN: (3.0, 8.0),
        Fault.BROKER_RESTART: (0.0, 2.0),
        Fault.BROKER_PAUSE: (1.0, 15.0),
        Fault.NETWORK_LOSS: (1.0, 15.0),
        Fault.DISK_FULL: (4.0, 8.0),
        Fault.CLOCK_JUMP: (2.0, 6.0),
    }
)
"""Of each fault, how long it lasts at least and at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the caller asks for."""

    events: int
    people: int
    partitions: int
    workers: int
    seed: int
    duplicates_percent: int = 0
    shuffle: bool = False
    faults: Mapping[Fault, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """So many events over some seconds, and in the middle of them one fault."""

    events: int
    over_s: float
    after_s: float
    fault: Fault
    worker: int
    lasts_s: float
    abrupt: bool
    """Of two ways that a fault can come, the worse."""
    settles: bool
    """Whether everybody shall have recovered before the next step."""


def plan(options: Options) -> list[Step]:
    """The steps of a run, in order. What they leave of the events comes after the last one."""
    chance = random.Random(options.seed)  # noqa: S311 (repeatable, not secret)
    faults = [fault for fault, times in options.faults.items() for _ in range(times)]
    chance.shuffle(faults)
    steps = [_step(fault, options, len(faults), chance) for fault in faults]
    return [*steps[:-1], *(replace(last, settles=True) for last in steps[-1:])]


def _step(fault: Fault, options: Options, steps: int, chance: random.Random) -> Step:
    lasts_s = chance.uniform(*LASTS_S[fault])
    return Step(
        events=int(options.events / (steps + 1) * chance.uniform(0.5, 1.0)),
        over_s=SLICE_S + lasts_s,
        after_s=chance.uniform(0.0, SLICE_S / 2),
        fault=fault,
        worker=chance.randrange(options.workers),
        lasts_s=lasts_s,
        abrupt=chance.random() < 0.5,
        settles=chance.random() >= UNSETTLED_RATIO,
    )
