"""Puts the gateway together: the only place that builds its real parts."""

import asyncio
import concurrent.futures
import fcntl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from kafka import KafkaAdminClient

from presence.events.errors import CallerError
from presence.gateway.fold import Fold, deployment_of
from presence.gateway.read_model import ReadModel
from presence.gateway.resume import DeploymentId, Positions
from presence.gateway.server import GatewayServer, stop_signal
from presence.gateway.servicer import Limits, ScoreServicer
from presence.gateway.settings import GatewaySettings
from presence.gateway.watching import Announcer, Watchers
from presence.log.kafka import consumer, ensure_topics
from presence.log.settings import Settings

FOLD_STOP_S = 2.0
"""A fold that waits for a silent broker is left behind; its last transaction is whole."""


async def run(settings: Settings, own: GatewaySettings, limits: Limits | None = None) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises CallerError for an address or data folder that cannot be used, SourceUnavailable without a broker,
    InvariantBroken when the topic of scores is not what scoring writes.
    """
    limits = limits or Limits()
    asked = asyncio.create_task(stop_signal().wait())
    folder = settings.data / "gateway" / f"{settings.namespace}{settings.suffix}"
    with _owned(folder), ReadModel(folder) as model:
        watchers = Watchers(limits.watchers_max)
        servicer = ScoreServicer(model, watchers, limits)
        server = GatewayServer(settings.gateway, own, servicer, watchers)
        serving: set[asyncio.Task[None]] = set()

        def on_caught_up(deployment: DeploymentId, positions: Positions) -> None:
            servicer.caught_up(deployment, positions)
            serving.add(asyncio.create_task(server.serve()))

        announcer = Announcer(asyncio.get_running_loop(), servicer.changed, on_caught_up)
        await server.start()
        stopping = threading.Event()
        folding = _on_thread(lambda: _fold(settings, model, announcer, stopping))
        await asyncio.wait((folding, asked), return_when=asyncio.FIRST_COMPLETED)
        await server.stop()
        stopping.set()
        folded, _ = await asyncio.wait((folding,), timeout=FOLD_STOP_S)
        if folded:
            folding.result()


def _fold(settings: Settings, model: ReadModel, announcer: Announcer, stopping: threading.Event) -> None:
    ensure_topics(settings)
    topic = settings.topics.scores
    admin = KafkaAdminClient(**settings.kafka_options())
    try:
        deployment = deployment_of(admin, topic)
    finally:
        admin.close()
    # Records that the log has lost must stop us loudly, and not be jumped over.
    reader = consumer(settings, auto_offset_reset="none")
    try:
        Fold(reader, topic, model, announcer, stopping).run(deployment)
    finally:
        reader.close()


def _on_thread(work: Callable[[], None]) -> asyncio.Future[None]:
    """`work` on a daemon thread: unlike an executor's, it does not keep us alive while it waits for a silent broker."""
    future: concurrent.futures.Future[None] = concurrent.futures.Future()

    def run() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 (raised again where the future is awaited)
            future.set_exception(error)
        else:
            future.set_result(None)

    threading.Thread(target=run, name="fold", daemon=True).start()
    return asyncio.wrap_future(future)


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
