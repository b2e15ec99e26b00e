"""The gRPC server and its life: bound, then serving once the fold has caught up, then stopped in seconds.

One event loop answers everything. Measured on one core with answers of 900 bytes: a unary call costs 135 us here and
92 us in a pool of threads, a message to a watcher 30 us here and 73 us there, and a watcher no thread here.
"""

import asyncio
import signal
import time

import grpc
import structlog
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from presence.events.errors import CallerError
from presence.gateway import calls, transport
from presence.gateway.door import Door
from presence.gateway.servicer import SERVICE, ScoreServicer
from presence.gateway.settings import GatewaySettings
from presence.gateway.watching import Watchers
from presence.log.clock import now_ms

STOP_GRACE_S = 2.0
REQUEST_BYTES_MAX = 131_072
"""A watch of 1000 ids with a long token takes half of it."""
CALLS_MAX = 20_000
OPTIONS = (
    # A port that is taken must be an error, and not a share of somebody else's calls.
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", REQUEST_BYTES_MAX),
    # Who connects and says nothing is let go, and so is who has had no call for a while.
    ("grpc.server_handshake_timeout_ms", 10_000),
    ("grpc.max_connection_idle_ms", 600_000),
    ("grpc.max_metadata_size", 16_384),
    # A watcher whose machine has gone is noticed within a minute and a half.
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
)

log = structlog.get_logger(__name__)


class GatewayServer:
    """ScoreService, health and reflection on one port."""

    def __init__(
        self, address: str, settings: GatewaySettings, servicer: ScoreServicer, watchers: Watchers
    ) -> None:
        """Bind `address` (`host:port`; port 0: any free one). Raises CallerError if that cannot or must not be."""
        self._watchers = watchers
        self._server = grpc.aio.server(options=OPTIONS, maximum_concurrent_rpcs=CALLS_MAX)
        self._health = health.aio.HealthServicer()
        door = Door(settings, now_s=lambda: now_ms() / 1000, monotonic_s=time.monotonic)
        handlers = calls.handlers(servicer.methods(), door)
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
        self._server.add_registered_method_handlers(SERVICE, handlers)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        if settings.reflection:
            names = (SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME)
            reflection.enable_server_reflection(names, self._server)
        host, _, port = address.rpartition(":")
        if not host or not port.isdecimal():
            raise CallerError(f"PRESENCE_GATEWAY must be host:port, not {address!r}")
        settings.check_address(host)
        bound = self._bind(address, settings)
        self.address = f"{host}:{bound}"

    def _bind(self, address: str, settings: GatewaySettings) -> int:
        credentials = transport.credentials(settings)
        try:
            if credentials is None:
                return self._server.add_insecure_port(address)
            return self._server.add_secure_port(address, credentials)
        except RuntimeError as error:
            raise CallerError(
                f"the gateway cannot listen on {address}: is the port taken? PRESENCE_GATEWAY names another"
            ) from error

    async def start(self) -> None:
        """Listen; health says NOT_SERVING until `serve`."""
        await self._set_health(health_pb2.HealthCheckResponse.NOT_SERVING)
        await self._server.start()
        log.info("listening", address=self.address)

    async def serve(self) -> None:
        """Health says SERVING."""
        await self._set_health(health_pb2.HealthCheckResponse.SERVING)

    async def stop(self) -> None:
        """Say NOT_SERVING first, end the watches so that they resume, let calls finish, close."""
        await self._health.enter_graceful_shutdown()
        self._watchers.end_all()
        await self._server.stop(STOP_GRACE_S)
        log.info("stopped", address=self.address)

    async def _set_health(self, status: "health_pb2.HealthCheckResponse.ServingStatus") -> None:
        for name in ("", SERVICE):
            await self._health.set(name, status)


def stop_signal() -> asyncio.Event:
    """Set by SIGTERM and SIGINT from now on."""
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked.set)
    return asked
