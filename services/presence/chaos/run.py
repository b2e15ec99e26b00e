"""One run of chaos: fault after fault while events come and scores go, and the verdict at the end."""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from presence.chaos import faults, stores, verdict
from presence.chaos.disk import How
from presence.chaos.parts import Parts, running
from presence.chaos.plan import Fault, Options, Step, plan
from presence.chaos.verdict import PartitionLog, Truth, Verdict
from presence.events.errors import SourceUnavailable
from presence.model.spec import load

TICK_S = 0.02
EVERYTHING = 2**62
"""More events than any story has."""
WARM_UP_SHARE = 20
"""One part of so many of the events comes before the first fault."""
FEW = 20
"""Records that a partition may have got since a fault without a score that shows it: they may all be of the erased."""
START_S_MAX = 60.0
RECOVERY_S_MAX = 120.0
"""Who has not recovered by then never will."""
CATCH_UP_S_MAX = 600.0
QUIET_S = 90.0
"""Without a new score for so long, no more will come: a transaction that nobody ends is aborted after 60 s."""


@dataclass(frozen=True, slots=True)
class Seen:
    """How far a run is, for a progress bar."""

    doing: str
    sent: int


Listener = Callable[[Seen], None]


@dataclass(slots=True)
class Result:
    """What a run has shown."""

    options: Options
    verdict: Verdict
    states_differing: list[str]
    """What of the workers' stores is not as the log has it."""
    records: int
    """Of the log."""
    scores: int
    """That were published, tombstones included."""
    revisions_back: int
    faults: Counter[Fault]
    unrecovered: int
    """Faults after which some partition had no fresh score within RECOVERY_S_MAX."""
    recovery_s: Mapping[Fault, list[float]]
    """Of each fault that was waited for: from its beginning until every partition had a score of later events."""
    ended: list[int]
    """Exit codes of workers that ended by themselves and were started again."""
    stuck: int
    """Workers that SIGTERM did not end."""
    full_disk_was: How | None
    """What stood in for a full disk, if one was asked for."""
    seconds: float

    @property
    def right(self) -> bool:
        """Whether nothing is wrong."""
        wrong = (self.verdict.wrong, self.states_differing, self.revisions_back)
        return not any((*wrong, self.unrecovered, self.stuck))


def run(options: Options, scratch: Path, listener: Listener) -> Result:
    """Do all of `options` in the folder `scratch`; to be called in the context of its guard.

    Raises BrokerError or SourceUnavailable where the run itself, not what it tests, cannot go on.
    """
    begun_s = time.monotonic()
    with running(options, scratch) as parts:
        course = _Course(options, parts, listener)
        course.warm_up()
        for step in plan(options):
            course.take(step)
        logs, truths, found = course.judge()
    return Result(
        options=options,
        verdict=found,
        states_differing=stores.differing(parts.settings.data, truths),
        records=sum(log.records for log in logs.values()),
        scores=parts.watcher.records,
        revisions_back=parts.watcher.revisions_back,
        faults=course.done,
        unrecovered=course.unrecovered,
        recovery_s=course.recovery_s,
        ended=parts.workers.ended,
        stuck=parts.workers.stuck,
        full_disk_was=parts.disk.how if parts.disk else None,
        seconds=time.monotonic() - begun_s,
    )


@dataclass(slots=True)
class _Course:
    """A run while it goes on. Everything waits in `pause`, which looks after all parts."""

    options: Options
    parts: Parts
    listener: Listener
    doing: str = ""
    done: Counter[Fault] = field(default_factory=Counter)
    unrecovered: int = 0
    recovery_s: defaultdict[Fault, list[float]] = field(default_factory=lambda: defaultdict(list))

    def warm_up(self) -> None:
        """No fault before the workers work. Raises SourceUnavailable if they never do."""
        self.parts.producer.grant(self.options.events // WARM_UP_SHARE, 0.0)
        start = dict.fromkeys(range(self.options.partitions), 0)
        if not self._wait("workers: starting", lambda: self._recovered(start), START_S_MAX):
            raise SourceUnavailable(f"no scores {START_S_MAX:.0f} s after the start of the workers")

    def take(self, step: Step) -> None:
        """One step of the plan."""
        self.doing = step.fault
        self.parts.producer.grant(step.events, step.over_s)
        self.pause(step.after_s)
        ends, begun_s = dict(self.parts.producer.ends), time.monotonic()
        faults.do(step, self.parts, self.pause)
        self.done[step.fault] += 1
        if step.settles:
            if self._wait(f"{step.fault}: recovering", lambda: self._recovered(ends), RECOVERY_S_MAX):
                self.recovery_s[step.fault].append(time.monotonic() - begun_s)
            else:
                self.unrecovered += 1

    def judge(self) -> tuple[dict[int, PartitionLog], dict[int, Truth], Verdict]:
        """Send the rest, let the workers catch up, and compare."""
        producer, watcher, model = self.parts.producer, self.parts.watcher, load()
        producer.grant(EVERYTHING, 0.0)
        producer.finish()
        self._wait("sending the rest", lambda: not producer.running, CATCH_UP_S_MAX)
        self.doing = "folding the log again"
        self.pause(0)
        logs = verdict.read_log(self.parts.settings)
        truths = {number: verdict.truth(log, model) for number, log in logs.items()}
        self._wait("waiting for the workers", lambda: self._caught_up(logs) or self._quiet(), CATCH_UP_S_MAX)
        while (found := verdict.judge(truths.values(), watcher.newest, model)).wrong and not self._quiet():
            self.pause(1)
        return logs, truths, found

    def pause(self, seconds: float) -> None:
        """Wait, and meanwhile look after everything."""
        until_s = time.monotonic() + seconds
        while True:
            self.parts.workers.mend()
            self.parts.watcher.check()
            self.parts.producer.check()
            self.listener(Seen(self.doing, self.parts.producer.sent))
            left_s = until_s - time.monotonic()
            if left_s <= 0:
                return
            time.sleep(min(TICK_S, left_s))

    def _wait(self, doing: str, holds: Callable[[], bool], within_s: float) -> bool:
        """Wait until `holds`; False if it does not in time."""
        self.doing, give_up_at_s = doing, time.monotonic() + within_s
        while not holds():
            if time.monotonic() > give_up_at_s:
                return False
            self.pause(TICK_S)
        return True

    def _recovered(self, ends: Mapping[int, int]) -> bool:
        """Whether every partition has a score of what came after `ends`, unless next to nothing came."""
        producer, reached = self.parts.producer, self.parts.watcher.reached
        idle = not producer.busy
        return all(
            reached[number] >= end or (idle and producer.ends[number] - end < FEW)
            for number, end in ends.items()
        )

    def _caught_up(self, logs: Mapping[int, PartitionLog]) -> bool:
        """Whether everybody's score counts their newest record, or they are erased."""
        newest = self.parts.watcher.newest
        return all(
            (published := newest.get(person)) is not None
            and (published.offset is None or published.offset >= offset)
            for log in logs.values()
            for person, offset in log.last_offsets.items()
        )

    def _quiet(self) -> bool:
        return time.monotonic() - self.parts.watcher.heard_at_s > QUIET_S
