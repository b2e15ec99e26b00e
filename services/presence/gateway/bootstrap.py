"""Puts the gateway's writer together: the only place that builds its real parts.

The writer folds the topics into the read model, holds the port, and keeps the serving processes running. It answers no call.
"""

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import structlog
from kafka import KafkaAdminClient

from presence.gateway.crew import Crew
from presence.gateway.door import Door
from presence.gateway.fold import Fold, deployment_of
from presence.gateway.meter import FoldMeter
from presence.gateway.port import host_and_port, reserved
from presence.gateway.session import Bell, Session, new_session
from presence.gateway.settings import GatewaySettings
from presence.gateway.signals import stop_signal
from presence.gateway.write_model import WriteModel
from presence.log import live
from presence.log.exposition import exposed
from presence.log.kafka import await_topics, consumer
from presence.log.lock import exclusive
from presence.log.metrics import Service
from presence.log.settings import Settings

MOVED = 75
"""The exit code that asks to be begun again: another scoring is live."""
FOLD_STOP_S = 2.0
"""A fold that waits for a silent broker is left behind; its last transaction is whole."""

CONFIRM_POLL_S = 0.1

log = structlog.get_logger(__name__)


async def run(settings: Settings, own: GatewaySettings) -> int:
    """Serve until SIGTERM or SIGINT; returns the exit code.

    Without a variant of its own it serves the one that is live, and returns MOVED when that is another one now.
    Raises CallerError for an address or data folder that cannot be used, SourceUnavailable without a broker,
    InvariantBroken when the topic of scores is not what scoring writes.
    """
    asked = asyncio.create_task(stop_signal().wait())
    own.check_address(host_and_port(settings.gateway)[0])
    Door.of(own)  # What is wrong with its files is said before anything starts.
    followed = not settings.variant
    remembered = settings.data / "gateway" / f"{settings.namespace}.live"
    if followed and remembered.exists():
        settings = replace(settings, variant=remembered.read_text(encoding="utf-8"))
    folder = settings.data / "gateway" / f"{settings.namespace}{settings.suffix}"
    with (
        exclusive(folder, f"another gateway is at work in {folder}: PRESENCE_DATA names another"),
        reserved(settings.gateway) as address,
        WriteModel(folder) as model,
        exposed(settings, Service.GATEWAY, f"gateway{settings.suffix}"),
    ):
        session, bell, stopping, confirmed = new_session(), Bell(), threading.Event(), threading.Event()
        folding = _on_thread(
            lambda: _fold(
                settings,
                model,
                session=session,
                retention_ms=1_000 * own.watch_retention_s,
                ring=bell.ring,
                stopping=stopping,
                confirmed=confirmed,
            )
        )
        moved = asyncio.Future[None]()
        if followed:
            moved = _on_thread(lambda: _follow(settings, remembered, confirmed, stopping))
        else:
            confirmed.set()
        crew = Crew(own.processes, (address, str(folder), session.hex()), bell)
        serving = asyncio.create_task(crew.run())
        listening = asyncio.create_task(_say_when_listening(crew, address))
        await asyncio.wait((folding, asked, serving, moved), return_when=asyncio.FIRST_COMPLETED)
        moving = moved.done() and not (asked.done() or folding.done() or serving.done())
        crew.stop()
        exit_code = await serving
        listening.cancel()
        stopping.set()
        folded, _ = await asyncio.wait((folding,), timeout=FOLD_STOP_S)
        if folded and not exit_code:
            folding.result()
        if moving and not exit_code:
            moved.result()
            return MOVED
        if not exit_code:
            log.info("stopped", address=address)
        return exit_code


async def _say_when_listening(crew: Crew, address: str) -> None:
    await crew.listening.wait()
    log.info("listening", address=address)


def _fold(
    settings: Settings,
    model: WriteModel,
    *,
    session: Session,
    retention_ms: int,
    ring: Callable[[], None],
    stopping: threading.Event,
    confirmed: threading.Event,
) -> None:
    """Fold once it is `confirmed` that it is this variant which is served."""
    await_topics(settings)
    while not confirmed.wait(CONFIRM_POLL_S):
        if stopping.is_set():
            return
    admin = KafkaAdminClient(**settings.kafka_options())
    try:
        deployment = deployment_of(admin, settings.topics.scores)
    finally:
        admin.close()
    # Records that the log has lost must stop us loudly, and not be jumped over.
    reader = consumer(settings, auto_offset_reset="none")
    try:
        Fold(
            reader,
            settings.topics,
            model,
            session=session,
            retention_ms=retention_ms,
            renew_s=settings.renew_s,
            ring=ring,
            stopping=stopping,
            meter=FoldMeter(model),
        ).run(deployment)
    finally:
        reader.close()


def _follow(
    settings: Settings, remembered: Path, confirmed: threading.Event, stopping: threading.Event
) -> None:
    """Return when another variant is live than that of `settings`, which is what was live when this was last known.

    So the port is open, and health says what is missing, also before Kafka answers.
    """
    await_topics(settings)
    newest = live.newest(settings)
    variant = newest.variant if newest else ""
    if variant == settings.variant:
        confirmed.set()
        variant = live.follow(settings, stopping)
    if variant != settings.variant:
        part = remembered.with_suffix(".part")
        part.write_text(variant, encoding="utf-8")
        part.rename(remembered)


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
