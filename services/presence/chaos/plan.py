"""What a run of chaos does, and when: a pure function of its options, so that a seed repeats it."""

import random
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

SESSION_TIMEOUT_S = 10.0
"""Of a scoring worker in its group: who is silent for longer is taken for dead."""
SLICE_S = 3.0
"""Over which the events around a fault are spread, so that it meets a worker at work."""
UNSETTLED_RATIO = 0.25
"""Of the faults, how many are followed by the next one before anybody has recovered. Chosen."""


class Fault(StrEnum):
    """Something that happens to a worker, its broker, its network, its disk or its clock."""

    KILL = "kills"


LASTS_S = MappingProxyType({Fault.KILL: (0.0, 1.0)})
"""Of each fault, how long it lasts at least and at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the caller asks for."""

    events: int
    people: int
    partitions: int
    workers: int
    seed: int
    faults: MappingProxyType[Fault, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """So many events over some seconds, and in the middle of them one fault."""

    events: int
    over_s: float
    after_s: float
    fault: Fault
    worker: int
    lasts_s: float
    settles: bool
    """Whether everybody shall have recovered before the next step."""


def plan(options: Options) -> list[Step]:
    """The steps of a run, in order. What they leave of the events comes after the last one."""
    chance = random.Random(options.seed)  # noqa: S311 (repeatable, not secret)
    faults = [fault for fault, times in options.faults.items() for _ in range(times)]
    chance.shuffle(faults)
    return [_step(fault, options, len(faults), chance) for fault in faults]


def _step(fault: Fault, options: Options, steps: int, chance: random.Random) -> Step:
    lasts_s = chance.uniform(*LASTS_S[fault])
    return Step(
        events=int(options.events / (steps + 1) * chance.uniform(0.5, 1.0)),
        over_s=SLICE_S + lasts_s,
        after_s=chance.uniform(0.0, SLICE_S / 2),
        fault=fault,
        worker=chance.randrange(options.workers),
        lasts_s=lasts_s,
        settles=chance.random() >= UNSETTLED_RATIO,
    )
