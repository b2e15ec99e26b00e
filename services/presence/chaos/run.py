"""One run of chaos: broker, producer, workers, watcher and faults brought together, and judged at the end."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from presence.broker import Broker
from presence.chaos import faults, verdict
from presence.chaos.delivery import repeated, shuffled
from presence.chaos.guard import broker_folder
from presence.chaos.plan import Fault, Options, Step, plan
from presence.chaos.producer import Producer
from presence.chaos.story import Story
from presence.chaos.verdict import PartitionLog, Truth, Verdict
from presence.chaos.watcher import Watcher
from presence.chaos.workers import Workers
from presence.events.vocabulary import Event
from presence.log.kafka import ensure_topics
from presence.log.settings import Settings
from presence.model.spec import load

TICK_S = 0.02
EVERYTHING = 2**62
"""More events than any story has."""
WARM_UP_SHARE = 20
"""One part of so many of the events comes before the first fault."""
FEW = 20
"""Records that a partition may have got since a fault without a score that shows it: they may all be of the erased."""
RECOVERY_S_MAX = 120.0
"""Who has not recovered by then never will."""
CATCH_UP_S_MAX = 600.0
QUIET_S = 20.0
"""Without a new score for so long, no more will come."""


@dataclass(frozen=True, slots=True)
class Seen:
    """How far a run is, for a progress bar."""

    doing: str
    sent: int
    steps: int
    steps_total: int


Listener = Callable[[Seen], None]


@dataclass(slots=True)
class Result:
    """What a run has shown."""

    options: Options
    verdict: Verdict
    records: int
    seconds: float
    faults: Counter[Fault]
    recovery_s: dict[Fault, list[float]]
    unrecovered: int
    revisions_back: int
    scores: int
    ended: list[int]
    stuck: int

    @property
    def right(self) -> bool:
        """Whether nothing is wrong."""
        wrong = (self.verdict.missing, self.verdict.extra, self.verdict.differing)
        return not any(wrong) and not self.revisions_back and not self.unrecovered


@dataclass(slots=True)
class Run:
    """A run while it goes on. Everything waits in `_pause`, which looks after all parts."""

    options: Options
    scratch: Path
    listener: Listener
    settings: Settings = field(init=False)
    broker: Broker = field(init=False)
    workers: Workers = field(init=False)
    producer: Producer = field(init=False)
    watcher: Watcher = field(init=False)
    _done: list[Step] = field(default_factory=list)
    _doing: str = "starting Kafka"

    def result(self) -> Result:
        """Do all of it."""
        begun = time.monotonic()
        self._start()
        steps, recovery_s, unrecovered = plan(self.options), {fault: [] for fault in Fault}, 0
        self._warm_up()
        for step in steps:
            took_s = self._step(step)
            if took_s is not None:
                recovery_s[step.fault].append(took_s)
            elif step.settles:
                unrecovered += 1
            self._done.append(step)
        self.producer.grant(EVERYTHING, 0.0)
        self.producer.finish()
        self._await("sending the rest", lambda: not self.producer.running, CATCH_UP_S_MAX)
        logs, found = self._judge()
        self.watcher.close()
        self.workers.stop(time.sleep)
        return Result(
            options=self.options,
            verdict=found,
            records=sum(log.records for log in logs.values()),
            seconds=time.monotonic() - begun,
            faults=Counter(step.fault for step in steps),
            recovery_s=recovery_s,
            unrecovered=unrecovered,
            revisions_back=self.watcher.revisions_back,
            scores=self.watcher.records,
            ended=self.workers.ended,
            stuck=self.workers.stuck,
        )

    def _start(self) -> None:
        self.broker = Broker(broker_folder(self.scratch))
        bootstrap = self.broker.start().bootstrap
        assert bootstrap is not None
        self.settings = Settings(
            kafka=bootstrap,
            namespace="chaos",
            partitions=self.options.partitions,
            data=self.scratch / "data",
        )
        ensure_topics(self.settings)
        self.watcher = Watcher(self.settings)
        self.workers = Workers(self.settings, self.scratch)
        for number in range(self.options.workers):
            self.workers.start(str(number))
        self.producer = Producer(self.settings, self._delivered())

    def _delivered(self) -> Iterable[Event]:
        options = self.options
        events: Iterable[Event] = Story(options.seed, options.events, options.people)
        if options.duplicates_percent:
            events = repeated(events, options.duplicates_percent, options.seed)
        return shuffled(events, options.seed) if options.shuffle else events

    def _warm_up(self) -> None:
        """No fault before the workers work."""
        self.producer.grant(self.options.events // WARM_UP_SHARE, 0.0)
        start = dict.fromkeys(range(self.options.partitions), 0)
        self._await("workers: starting", lambda: self._recovered(start), RECOVERY_S_MAX)

    def _step(self, step: Step) -> float | None:
        """The seconds from the fault until every partition has a score of what came after it; None if not waited."""
        self._doing = step.fault
        self.producer.grant(step.events, step.over_s)
        self._pause(step.after_s)
        ends, begun = dict(self.producer.ends), time.monotonic()
        faults.do(step, faults.Victims(self.workers, self.broker), self._pause)
        if not step.settles:
            return None
        recovered = self._await(
            f"{step.fault}: recovering", lambda: self._recovered(ends), RECOVERY_S_MAX
        )
        return time.monotonic() - begun if recovered else None

    def _recovered(self, ends: Mapping[int, int]) -> bool:
        """Whether every partition has a score of what came after `ends`, unless next to nothing came."""
        reached, now, idle = self.watcher.reached, self.producer.ends, not self.producer.busy
        return all(
            reached[number] >= end or (idle and now[number] - end < FEW) for number, end in ends.items()
        )

    def _judge(self) -> tuple[dict[int, PartitionLog], Verdict]:
        model = load()
        self._doing = "folding the log again"
        self._pause(0)
        logs = verdict.read_log(self.settings)
        truths: list[Truth] = [verdict.truth(log, model) for log in logs.values()]
        self._await(
            "waiting for the workers", lambda: self._caught_up(logs) or self._quiet(), CATCH_UP_S_MAX
        )
        while (found := verdict.judge(truths, self.watcher.newest, model)).wrong and not self._quiet():
            self._pause(1)
        return logs, found

    def _caught_up(self, logs: dict[int, PartitionLog]) -> bool:
        newest = self.watcher.newest
        return all(
            person in newest and (newest[person].offset is None or newest[person].offset >= offset)
            for log in logs.values()
            for person, offset in log.last_offsets.items()
        )

    def _quiet(self) -> bool:
        return time.monotonic() - self.watcher.heard_at_s > QUIET_S

    def _await(self, doing: str, holds: Callable[[], bool], within_s: float) -> bool:
        """Wait until `holds`; False if it does not in time."""
        self._doing, give_up_at_s = doing, time.monotonic() + within_s
        while not holds():
            if time.monotonic() > give_up_at_s:
                return False
            self._pause(TICK_S)
        return True

    def _pause(self, seconds: float) -> None:
        until_s = time.monotonic() + seconds
        while True:
            self.workers.mend()
            self.watcher.check()
            _ = self.producer.running
            self.listener(Seen(self._doing, self.producer.sent, len(self._done), len(self._done)))
            left_s = until_s - time.monotonic()
            if left_s <= 0:
                return
            time.sleep(min(TICK_S, left_s))
