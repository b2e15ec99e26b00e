"""A serving process: answers calls from the read model that the writer keeps. `python -m presence.gateway.serve`.

Started by the writer (see `presence.gateway.bootstrap`), with a pipe as its standard input that rings when the model has
moved on, and ends when the writer does. It says on its standard output that it listens.
"""

import asyncio
import os
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import uvloop

from presence.events.errors import CallerError, PresenceError
from presence.gateway.answers import Seen
from presence.gateway.meter import serving
from presence.gateway.read_model import ReadModel
from presence.gateway.server import GatewayServer
from presence.gateway.servicer import Limits, ScoreServicer
from presence.gateway.services import Parts, services
from presence.gateway.session import Session
from presence.gateway.settings import GatewaySettings
from presence.gateway.signals import stop_signal
from presence.gateway.watching import Watchers
from presence.log.exposition import exposed
from presence.log.logging import configure
from presence.log.metrics import Service
from presence.log.settings import Settings

LISTENS = b"listening\n"
_RINGS = 65_536


class Follower:
    """Tells the servicer how far the model is, whenever it is rung up."""

    def __init__(
        self, model: ReadModel, servicer: ScoreServicer, watchers: Watchers, session: Session
    ) -> None:
        self._model = model
        self._servicer = servicer
        self._watchers = watchers
        self._session = session
        self._seen: Seen | None = None

    def look(self) -> bool:
        """True once the writer has caught up."""
        seen = self._model.seen(self._session)
        before, self._seen = self._seen, seen
        if seen is not None and seen != before:
            # Who changed matters only to those who watch some people; whoever watches all reads for themselves.
            named = before is not None and self._watchers.of_some
            people = self._model.changed(before.positions, seen.positions) if before and named else ()
            self._servicer.moved(seen, people)
        return seen is not None


async def serve(
    settings: Settings, own: GatewaySettings, address: str, folder: Path, *, session: Session, number: int
) -> None:
    """Serve until the pipe ends, SIGTERM or SIGINT. Raises CallerError for what cannot be used."""
    limits = Limits(bookmark_s=own.watch_bookmark_s, stall_s=own.watch_stall_s)
    stopping = stop_signal()
    instance = f"gateway{settings.suffix}-server-{number}"
    with ReadModel(folder) as model, exposed(settings, Service.GATEWAY_SERVER, instance, number + 1):
        async with AsyncExitStack() as closing:
            watchers = Watchers(limits.watchers_max, own.watches_max)
            serving(watchers)
            servicer = ScoreServicer(model, watchers, limits)
            parts = Parts(
                settings=settings, own=own, limits=limits, model=model, scores=servicer, closing=closing
            )
            server = GatewayServer(address, own, services(parts), watchers)
            await _serve(server, Follower(model, servicer, watchers, session), stopping)


async def _serve(server: GatewayServer, follower: Follower, stopping: asyncio.Event) -> None:
    rung = asyncio.Event()

    def on_ring() -> None:
        if os.read(sys.stdin.fileno(), _RINGS):
            rung.set()
        else:
            stopping.set()

    loop = asyncio.get_running_loop()
    loop.add_reader(sys.stdin.fileno(), on_ring)
    await server.start()
    os.write(sys.stdout.fileno(), LISTENS)
    following = asyncio.create_task(_follow(follower, server, rung))
    stopped = asyncio.create_task(stopping.wait())
    await asyncio.wait((following, stopped), return_when=asyncio.FIRST_COMPLETED)
    loop.remove_reader(sys.stdin.fileno())
    await server.stop()
    if following.done():
        following.result()
    following.cancel()


async def _follow(follower: Follower, server: GatewayServer, rung: asyncio.Event) -> None:
    while not follower.look():
        await rung.wait()
        rung.clear()
    await server.serve()
    while True:
        await rung.wait()
        rung.clear()
        follower.look()


def main() -> int:
    """Exit code: 0 after a stop, 2 for a wrong setting, 1 for anything else."""
    address, folder, session, number = sys.argv[1:]
    try:
        # The model answers what if, one person at a time: more threads would only wait. Polars reads this on import.
        os.environ.setdefault("POLARS_MAX_THREADS", "1")
        settings = Settings.from_env(os.environ)
        configure(settings.log_format)
        own = GatewaySettings.from_env(os.environ)
        gateway = Session(bytes.fromhex(session))
        # Its loop saves a tenth of each call.
        uvloop.run(serve(settings, own, address, Path(folder), session=gateway, number=int(number)))
    except PresenceError as error:
        print(f"presence.gateway: {type(error).__name__}: {error}", file=sys.stderr)  # noqa: T201 (its last word)
        return 2 if isinstance(error, CallerError) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
