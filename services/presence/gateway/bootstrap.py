"""Puts the gateway together: the only place that builds its real parts."""

import asyncio
import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kafka import KafkaAdminClient

from presence.events.errors import CallerError
from presence.gateway.fold import Fold, deployment_of
from presence.gateway.read_model import ReadModel
from presence.gateway.resume import DeploymentId, Positions
from presence.gateway.server import GatewayServer, stop_signal
from presence.gateway.servicer import Limits, ScoreServicer
from presence.gateway.watching import Announcer, Watchers
from presence.log.kafka import consumer, ensure_topics
from presence.log.settings import Settings


async def run(settings: Settings, limits: Limits | None = None) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises CallerError for an address or data folder that cannot be used, SourceUnavailable without a broker,
    InvariantBroken when the topic of scores is not what scoring writes.
    """
    limits = limits or Limits()
    stop = stop_signal()
    folder = settings.data / "gateway" / settings.namespace
    with _owned(folder), ReadModel(folder) as model:
        watchers = Watchers(limits.watchers_max)
        servicer = ScoreServicer(model, watchers, limits)
        server = GatewayServer(settings.gateway, servicer, watchers)
        await server.start()
        try:
            await _fold_until(stop, settings, model, server, servicer)
        finally:
            await server.stop()


async def _fold_until(
    stop: asyncio.Event, settings: Settings, model: ReadModel, server: GatewayServer, servicer: ScoreServicer
) -> None:
    serving: set[asyncio.Task[None]] = set()

    def on_caught_up(deployment: DeploymentId, positions: Positions) -> None:
        servicer.caught_up(deployment, positions)
        serving.add(asyncio.create_task(server.serve()))

    announcer = Announcer(asyncio.get_running_loop(), servicer.changed, on_caught_up)
    fold, deployment = await asyncio.to_thread(_connected_fold, settings, model, announcer)
    folding = asyncio.create_task(asyncio.to_thread(fold.run, deployment))
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((folding, stopping), return_when=asyncio.FIRST_COMPLETED)
    finally:
        fold.stop()
        stopping.cancel()
        await folding


def _connected_fold(settings: Settings, model: ReadModel, announcer: Announcer) -> tuple[Fold, DeploymentId]:
    ensure_topics(settings)
    topic = settings.topics.scores
    admin = KafkaAdminClient(**settings.kafka_options())
    try:
        deployment = deployment_of(admin, topic)
    finally:
        admin.close()
    # Records that the log has lost must stop us loudly, and not be jumped over.
    reader = consumer(settings, auto_offset_reset="none")
    return Fold(reader, topic, model, announcer), deployment


@contextmanager
def _owned(folder: Path) -> Iterator[None]:
    """Keep a second gateway out of the folder; the kernel lets go of it however this process ends."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "owner").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CallerError(
                f"another gateway is at work in {folder}: PRESENCE_DATA names another"
            ) from error
        yield
