"""Interactive queries: the state of one person, as the store has it now. HTTP, for gateways and nobody else.

It answers between two batches, from one read transaction of the store, and writes nothing: the fold waits for no reader
longer than one takes to be read, some milliseconds. Who owns which partition is told by the topic of owners.
"""

import hmac
import re
import socket
from collections.abc import Callable

import structlog
from aiohttp import web

from presence.events.errors import CallerError
from presence.log.loopback import is_loopback
from presence.log.owners import MODEL_HEADER, STATE_PATH, Owner
from presence.log.settings import Settings
from presence.model import transfer
from presence.model.state import State

log = structlog.get_logger("presence.scoring")

Read = Callable[[int, str], State | None]
"""The state of a person of a partition; None where that is not ours."""
_PERSON = re.compile(r"p_[a-z2-7]{26}")
_PARTITION = re.compile(r"[0-9]{1,9}")
BACKLOG = 64
HEADER_BYTES_MAX = 4_096


class Queries:
    """Holds its port from the beginning; answers between `start` and `stop`."""

    def __init__(self, settings: Settings, model_hash: str, read: Read) -> None:
        """Raises CallerError for an address that cannot be used, or needs a secret and has none."""
        host, port = _host_and_port(settings.query)
        if not settings.query_secret and not is_loopback(host):
            raise CallerError(
                f"{host} can be reached by others: set PRESENCE_QUERY_SECRET, here and for the gateways, or "
                "PRESENCE_QUERY to an address of this machine alone"
            )
        self._secret = settings.query_secret
        self._model_hash = model_hash
        self._read = read
        self._socket = _bound(host, port)
        self.owner = Owner(f"{host}:{self._socket.getsockname()[1]}")
        """What is announced of every partition that is ours."""
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application(client_max_size=0)
        app.router.add_get(STATE_PATH, self._answer)
        self._runner = web.AppRunner(app, access_log=None, max_line_size=HEADER_BYTES_MAX)
        await self._runner.setup()
        await web.SockSite(self._runner, self._socket, backlog=BACKLOG).start()
        log.info("answers queries", address=self.owner.address)

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
        self._socket.close()

    async def _answer(self, request: web.Request) -> web.Response:
        given = request.headers.get("Authorization", "").encode(errors="replace")
        if self._secret and not hmac.compare_digest(given, f"Bearer {self._secret}".encode()):
            raise web.HTTPUnauthorized
        partition, person = request.match_info["partition"], request.match_info["person"]
        if not _PARTITION.fullmatch(partition) or not _PERSON.fullmatch(person):
            raise web.HTTPBadRequest
        state = self._read(int(partition), person)
        if state is None:
            raise web.HTTPMisdirectedRequest
        if state.people.filter(~state.people["erased"]).is_empty():
            raise web.HTTPNotFound
        return web.Response(
            body=transfer.encode(state),
            content_type="application/json",
            headers={MODEL_HEADER: self._model_hash},
        )


def _host_and_port(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise CallerError(f"PRESENCE_QUERY must be host:port, not {address!r}")
    return host, int(port)


def _bound(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(
            host.strip("[]"), port, type=socket.SOCK_STREAM
        )[0]
        bound = socket.socket(family, kind, protocol)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(place)
    except OSError as error:
        raise CallerError(
            f"PRESENCE_QUERY: {host}:{port} cannot be listened on ({error.strerror})"
        ) from error
    return bound
