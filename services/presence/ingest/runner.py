"""The one loop around every source and decoder. It knows no network.

A frame becomes events of the enrolled, a skip with a reason, or one dead letter with a reason. What is saved of the
source's position is never ahead of what the broker has acknowledged; after a crash the frames since then come again,
and what they had made is dropped by its id.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Protocol

import structlog

from presence.events.errors import InvalidEvent
from presence.events.vocabulary import Event, Kind
from presence.ingest.acts import Decoded, Decoder, Retraction
from presence.ingest.address import Addressing
from presence.ingest.cursor import Checkpoint, Offsets, Trail
from presence.ingest.departures import Departures
from presence.ingest.frames import FRAME_BYTES_MAX, Frame, Source
from presence.ingest.meter import Meter
from presence.ingest.newcomers import Newcomers
from presence.ingest.received import ReceivedIndex
from presence.ingest.recent import Recent, dead_letter_id, event_id
from presence.ingest.shape import shape
from presence.ingest.watermark import Watermark
from presence.log.clock import now_ms
from presence.roster.registry import Registry

CHECKPOINT_S = 0.2
STALL_S = 5.0
FLUSH_TIMEOUT_S = 3.0
"""When told to stop: what is not acknowledged by then is read again at the next start."""
FLUSH_AT_END_TIMEOUT_S = 120.0

_COUNTED_AS = MappingProxyType({Kind.ACTIVITY: "events", Kind.UNDO: "undo", Kind.FLAG: "flags"})

log = structlog.get_logger()


class Outlet(Protocol):
    """Where records go; see Delivery, and Rehearsal for the one without a broker."""

    position: int | None

    def event(self, event: Event) -> None: ...
    def dead_letter(self, frame: Frame, value: bytes, reason: str) -> None: ...
    def passed(self, position: int) -> None: ...
    def collect(self) -> None: ...
    def stalled_s(self) -> float: ...
    def wait_for_room(self, stopped: Callable[[], bool]) -> None: ...
    def flush(self, timeout_s: float) -> bool: ...
    def offsets(self) -> Offsets: ...


class Cursors(Protocol):
    """Where positions are kept; see CursorStore."""

    def save(self, name: str, checkpoint: Checkpoint) -> None: ...
    def forget(self, name: str) -> None: ...


class Roster(Protocol):
    """Who is enrolled; see Follower."""

    registry: Registry

    def poll(self) -> None: ...


@dataclass(slots=True)
class Counts:
    """What became of the frames: `read` = `used` + all of `skipped` + `dlq`.

    `events`, `undo`, `gauges` and `flags` are records of those kinds that were written; `known` is how many were in the log already.
    `gave` counts frames instead, each once: as `events` if it gave an activity, else as `undo` if it gave one, else as
    `gauges` or `flags`; all of it adds up to `used`.
    """

    read: int = 0
    used: int = 0
    gave: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    dlq: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    events: int = 0
    undo: int = 0
    gauges: int = 0
    flags: int = 0
    known: int = 0
    enrolled: int = 0

    def as_json(self) -> dict[str, Any]:
        """As plain JSON; `dlq_reasons` adds up to `dlq`."""
        counters = {"skipped", "reasons", "gave"}
        plain = {name: getattr(self, name) for name in self.__slots__ if name not in counters}
        return plain | {"skipped": dict(self.skipped), "dlq_reasons": dict(self.reasons)}


@dataclass(slots=True, kw_only=True)
class Runner:
    """Built by `bootstrap`; `run` is called once."""

    source: Source
    decode: Decoder
    follower: Roster
    addressing: Addressing
    received: ReceivedIndex
    delivery: Outlet
    recent: Recent
    store: Cursors
    trail: Trail
    departures: Departures | None = None
    watermark: Watermark | None = None
    newcomers: Newcomers | None = None
    meter: Meter | None = None
    on_checkpoint: Callable[[Counts], None] = lambda _: None
    on_acknowledged: Callable[[int], None] = lambda _: None
    """Told the newest position up to which everything is in the log, as soon as that is known."""
    forgets: bool = True
    """Whether a source that is done is read from its beginning when it is met again."""
    counts: Counts = field(default_factory=Counts)
    _stop: threading.Event = field(default_factory=threading.Event)
    _stalled: bool = False
    _saved: int | None = None
    _told: int | None = None
    _checkpoint_at_s: float = 0.0

    def stop(self) -> None:
        """Stop reading; `run` then ends within seconds. For a signal handler or another thread."""
        self._stop.set()

    def run(self) -> Counts:
        """Read until the source is done or `stop`; return when all is acknowledged and saved.

        Raises SourceUnavailable when the source or the broker is away for good.
        """
        while not self._stop.is_set() and not self.source.done:
            frames = self.source.read()
            if frames:
                self._take(frames)
                self.delivery.wait_for_room(self._stop.is_set)
            self._tell_of_acknowledged()
            if time.monotonic() >= self._checkpoint_at_s:
                self._keep_up()
        self._finish()
        return self.counts

    def _take(self, frames: Sequence[Frame]) -> None:
        observed_ms = now_ms()
        decoded = [self._decoded(frame, observed_ms) for frame in frames]
        if self.newcomers is not None:
            self.counts.enrolled += self.newcomers.meet(_met(decoded))
        made = [self._events(each, observed_ms) for each in decoded]
        # Whoever takes back a record must find what it made, so that is written before anybody can see it.
        self.received.commit()
        for frame, outcome in zip(frames, made, strict=True):
            self._deliver(frame, outcome)
            self.delivery.passed(frame.position)
        self.counts.read += len(frames)

    def _decoded(self, frame: Frame, observed_ms: int) -> Decoded | InvalidEvent:
        if frame.size_bytes > FRAME_BYTES_MAX:
            return InvalidEvent("too_long")
        if frame.refused:
            return InvalidEvent(frame.refused)
        try:
            return self.decode(frame, observed_ms)
        except InvalidEvent as error:
            return error

    def _events(
        self, decoded: Decoded | InvalidEvent, observed_ms: int
    ) -> Sequence[Event] | str | InvalidEvent:
        """The events of a frame, or why it is skipped or refused."""
        if isinstance(decoded, InvalidEvent):
            return decoded
        if decoded.skipped:
            return decoded.skipped
        try:
            return self.addressing.events(decoded.natives, observed_ms) or self.addressing.why_none
        except InvalidEvent as error:
            return error

    def _deliver(self, frame: Frame, outcome: Sequence[Event] | str | InvalidEvent) -> None:
        if isinstance(outcome, InvalidEvent):
            self._refuse(frame, outcome.reason)
        elif isinstance(outcome, str):
            self.counts.skipped[outcome] += 1
        else:
            self._log(outcome)

    def _refuse(self, frame: Frame, reason: str) -> None:
        self.counts.dlq += 1
        self.counts.reasons[reason] += 1
        value = shape(frame.data)
        if self.recent.add(dead_letter_id(value, reason, frame.position, frame.size_bytes)):
            self.delivery.dead_letter(frame, value, reason)

    def _log(self, events: Sequence[Event]) -> None:
        fresh = [event for event in events if self.recent.add(event_id(event))]
        self.counts.known += len(events) - len(fresh)
        if not fresh:
            self.counts.skipped["known"] += 1
            return
        self.counts.used += 1
        kinds = Counter(_COUNTED_AS.get(event.kind, "gauges") for event in fresh)
        self.counts.events += kinds["events"]
        self.counts.undo += kinds["undo"]
        self.counts.gauges += kinds["gauges"]
        self.counts.flags += kinds["flags"]
        self.counts.gave[next(name for name in ("events", "undo", "gauges", "flags") if kinds[name])] += 1
        for event in fresh:
            self.delivery.event(event)

    def _keep_up(self) -> None:
        """Every CHECKPOINT_S: save what is acknowledged, and hear of changes in the roster."""
        if self.watermark is not None:
            self.watermark.advance(self.source.complete_ms)
        self.delivery.collect()
        self._save()
        self._tell_of_stall()
        self._see_to_departures()
        self._report()
        self._checkpoint_at_s = time.monotonic() + CHECKPOINT_S

    def _see_to_departures(self) -> None:
        self.follower.poll()
        if self.departures is not None:
            for event in self.departures.events():
                self.delivery.event(event)
            self.departures.step()

    def _tell_of_acknowledged(self) -> None:
        self.delivery.collect()
        position = self.delivery.position
        if position is not None and position != self._told:
            self._told = position
            self.on_acknowledged(position)

    def _tell_of_stall(self) -> None:
        stalled_s = self.delivery.stalled_s()
        if (stalled_s > STALL_S) != self._stalled:
            self._stalled = not self._stalled
            tell = log.warning if self._stalled else log.info
            tell("the broker acknowledges nothing" if self._stalled else "the broker acknowledges again")

    def _save(self) -> None:
        position = self.delivery.position
        if position is not None and position != self._saved:
            point = self.trail.extend(Checkpoint(position, self.delivery.offsets()))
            self.store.save(self.source.label, point)
            self._saved = position

    def _finish(self) -> None:
        self._see_to_departures()
        flushed = self.delivery.flush(FLUSH_TIMEOUT_S if self._stop.is_set() else FLUSH_AT_END_TIMEOUT_S)
        self._tell_of_acknowledged()
        self._save()
        if not flushed:
            log.warning("not everything was acknowledged; the next start reads it again")
        elif self.source.done and self.forgets:
            self.store.forget(self.source.label)
        self._report()

    def _report(self) -> None:
        if self.meter is not None:
            self.meter.tell(self.counts)
        self.on_checkpoint(self.counts)


def _met(decoded: Sequence[Decoded | InvalidEvent]) -> list[str]:
    return [
        native.about
        for each in decoded
        if isinstance(each, Decoded)
        for native in each.natives
        if not isinstance(native, Retraction)
    ]
