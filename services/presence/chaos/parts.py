"""The running parts of a run, built here and nowhere else, and ended together."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from presence.broker import Broker
from presence.broker.ports import free_port
from presence.broker.properties import HOST, Detour
from presence.chaos.delivery import repeated, shuffled
from presence.chaos.disk import Disk
from presence.chaos.guard import broker_folder, data_folder
from presence.chaos.plan import Fault, Options
from presence.chaos.producer import Producer
from presence.chaos.proxy import Proxy
from presence.chaos.story import Story
from presence.chaos.watcher import Watcher
from presence.chaos.workers import Workers
from presence.events.vocabulary import Event
from presence.log.kafka import ensure_topics
from presence.log.settings import Settings


@dataclass(frozen=True, slots=True)
class Parts:
    """All that runs, and all that a fault can hit."""

    settings: Settings
    broker: Broker
    workers: Workers
    proxies: list[Proxy]
    """One before each worker, if networks shall break."""
    disk: Disk | None
    """Under the workers' state, if it shall be full."""
    watcher: Watcher
    producer: Producer


@contextmanager
def running(options: Options, scratch: Path) -> Iterator[Parts]:
    """Everything started. What this leaves behind after an error is the guard's to end: nobody waits for politeness then.

    Raises BrokerError or SourceUnavailable.
    """
    detours, proxies = _detours(options.workers if options.faults.get(Fault.NETWORK_LOSS) else 0)
    broker = Broker(broker_folder(scratch), detours=detours)
    settings = _settings(options, broker, scratch)
    ensure_topics(settings)
    disk = Disk(settings.data) if options.faults.get(Fault.DISK_FULL) else None
    workers = Workers(settings, scratch, skewed=bool(options.faults.get(Fault.CLOCK_JUMP)))
    for number in range(options.workers):
        kafka = f"{HOST}:{detours[number].advertised_port}" if detours else settings.kafka
        workers.start(str(number), kafka)
    watcher = Watcher(settings)
    producer = Producer(settings, delivered(options))
    yield Parts(settings, broker, workers, proxies, disk, watcher, producer)
    workers.stop(time.sleep)
    watcher.close()
    for proxy in proxies:
        proxy.close()


def delivered(options: Options) -> Iterable[Event]:
    """The events of a run, in the order in which they are sent."""
    jumps = bool(options.faults.get(Fault.CLOCK_JUMP))
    events: Iterable[Event] = Story(options.seed, options.events, options.people, clock_jumps=jumps)
    if options.duplicates_percent:
        events = repeated(events, options.duplicates_percent, options.seed)
    return shuffled(events, options.seed) if options.shuffle else events


def _detours(count: int) -> tuple[list[Detour], list[Proxy]]:
    """So many listeners for the broker to have, and before each a proxy that listens already."""
    proxies = [Proxy(free_port()) for _ in range(count)]
    return [Detour(proxy.target_port, proxy.port) for proxy in proxies], proxies


def _settings(options: Options, broker: Broker, scratch: Path) -> Settings:
    bootstrap = broker.start().bootstrap
    assert bootstrap is not None
    data = data_folder(scratch)
    return Settings(kafka=bootstrap, namespace="chaos", partitions=options.partitions, data=data)
