"""Builds an ingest from its settings; the only place that does."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import structlog

from presence.conduct.moderator import load
from presence.events.vocabulary import Network
from presence.ingest.acts import Decoder, of_bytes
from presence.ingest.address import Addressing
from presence.ingest.cursor import Checkpoint, CursorStore, Offsets, Trail
from presence.ingest.delivery import Delivery
from presence.ingest.departures import Departures
from presence.ingest.file import FileSource
from presence.ingest.frames import Source
from presence.ingest.lock import exclusive
from presence.ingest.meter import Meter
from presence.ingest.networks import bluesky
from presence.ingest.networks.jetstream import PUBLIC_URL, Accounts, JetstreamSource
from presence.ingest.newcomers import Newcomers
from presence.ingest.received import ReceivedIndex
from presence.ingest.recent import Recent, recall
from presence.ingest.runner import Counts, Runner
from presence.ingest.watermark import Watermark, mark_name
from presence.log.kafka import await_topics, ensure_topics, producer
from presence.log.settings import Settings
from presence.roster.enrolment import Enrolment
from presence.roster.follower import Follower
from presence.roster.keys import MasterKey

log = structlog.get_logger()


class Mode(StrEnum):
    """What is read, and who of it is scored."""

    ENROLLED = "enrolled"
    """Everything of the wanted collections is read; what touches somebody enrolled counts."""
    AUTHORED = "authored"
    """The server sends only what the enrolled wrote: little traffic, but nothing that they receive."""
    OPEN = "open"
    """Every public account that is met is enrolled: for demonstrations and load."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlueskyOptions:
    """Which stream, and who of it. `file`: read this instead of the network."""

    url: str = PUBLIC_URL
    file: Path | None = None
    mode: Mode = Mode.ENROLLED
    open_max: int = 100_000


@contextmanager
def bluesky_ingest(
    settings: Settings, options: BlueskyOptions, on_checkpoint: Callable[[Counts], None] = lambda _: None
) -> Iterator[Runner]:
    """A runner that is ready to run; everything is closed with the block.

    Raises SourceUnavailable if no broker answers, CallerError if the file cannot be read, the address is none, or
    another ingest of the network is at work in this data folder.
    """
    folder = settings.data / "ingest" / bluesky.NETWORK
    with ExitStack() as stack:
        stack.enter_context(exclusive(folder))
        # A stream goes on when its broker does; who reads a file waits for it, and wants to know.
        (await_topics if options.file is None else ensure_topics)(settings)
        follower = caught_up(settings, stack)
        source = _source(options, follower)
        stack.callback(source.close)
        yield logged(
            settings,
            stack,
            network=bluesky.NETWORK,
            cursors=folder / settings.namespace / "cursor",
            source=source,
            decode=of_bytes(bluesky.decode),
            follower=follower,
            newcomers=_newcomers(settings, options, follower, stack),
            on_checkpoint=on_checkpoint,
        )


def caught_up(settings: Settings, stack: ExitStack) -> Follower:
    """A follower that has read the roster to its end; it is closed with `stack`.

    Raises SourceUnavailable if no broker answers or the topic is missing.
    """
    follower = Follower(settings, MasterKey.load(settings))
    stack.callback(follower.close)
    follower.catch_up()
    return follower


def logged(
    settings: Settings,
    stack: ExitStack,
    *,
    network: Network,
    cursors: Path,
    source: Source,
    decode: Decoder,
    follower: Follower,
    newcomers: Newcomers | None = None,
    on_checkpoint: Callable[[Counts], None] = lambda _: None,
    on_acknowledged: Callable[[int], None] = lambda _: None,
) -> Runner:
    """A runner into the log that goes on from where `cursors` says; what it opens is closed with `stack`.

    Raises SourceUnavailable if no broker answers, CallerError if the moderator of the settings is not installed.
    """
    moderator = load(settings.moderator)
    folder = settings.data / "ingest" / network
    received = ReceivedIndex(folder / settings.namespace / "received")
    stack.callback(received.close)
    departures = Departures(network, follower, received, folder / "imports" / settings.namespace)
    store = CursorStore(cursors)
    stack.callback(store.close)
    recent = Recent()
    saved = store.load(source.label)
    ends = _recalled(settings, saved, recent, departures)
    if ends is None:
        log.warning("this log is not the one that was written to before: the saved position is dropped")
        saved, ends = None, _recalled(settings, None, recent, departures) or {}
        store.forget(mark_name(source.label))
    source.start(saved.position if saved else None)
    delivery = Delivery(producer(settings), settings.topics, network, ends)
    stack.callback(delivery.close)
    watermark = Watermark(store, source.label, delivery.complete)
    return Runner(
        source=source,
        decode=decode,
        follower=follower,
        addressing=Addressing(network, follower.registry, received, moderator),
        received=received,
        delivery=delivery,
        recent=recent,
        store=store,
        trail=Trail(saved or Checkpoint(None, delivery.offsets()), source.overlap),
        departures=departures,
        watermark=watermark,
        newcomers=newcomers,
        meter=Meter(network, delivery, watermark, follower.registry),
        on_checkpoint=on_checkpoint,
        on_acknowledged=on_acknowledged,
    )


def _source(options: BlueskyOptions, follower: Follower) -> Source:
    if options.file is not None:
        return FileSource(options.file)
    accounts = None
    if options.mode is Mode.AUTHORED:
        registry = follower.registry

        def natives() -> Sequence[str]:
            return registry.natives(bluesky.NETWORK)

        accounts = Accounts(natives, lambda: registry.version)
    return JetstreamSource(options.url, bluesky.WANTED, accounts)


def _newcomers(
    settings: Settings, options: BlueskyOptions, follower: Follower, stack: ExitStack
) -> Newcomers | None:
    if options.mode is not Mode.OPEN:
        return None
    enrolment = Enrolment(settings, MasterKey.load(settings), follower)
    stack.callback(enrolment.close)
    return Newcomers(bluesky.NETWORK, follower, enrolment, people_max=options.open_max)


def _recalled(
    settings: Settings, saved: Checkpoint | None, recent: Recent, departures: Departures
) -> Offsets | None:
    """Where the log ends; `recent` then knows what it holds from `saved` on. None if `saved` is of another log."""
    offsets: Offsets = {}
    for topic in (settings.topics.activity, settings.topics.dlq):
        ends = recall(settings, topic, saved.offsets.get(topic, {}) if saved else {}, recent, departures.met)
        if ends is None:
            return None
        offsets[topic] = ends
    return offsets
