"""The gRPC server and its life: bound, then serving once the fold has caught up, then stopped in seconds.

One event loop answers everything. Measured on one core with answers of 900 bytes: a unary call costs 135 us here and
92 us in a pool of threads, a message to a watcher 30 us here and 73 us there, and a watcher no thread here.
"""

from collections.abc import Sequence

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from presence.events.errors import CallerError
from presence.gateway import calls, transport
from presence.gateway.door import Door
from presence.gateway.services import Service
from presence.gateway.settings import GatewaySettings
from presence.gateway.watching import Watchers

STOP_GRACE_S = 1.0
REQUEST_BYTES_MAX = 131_072
"""A watch of 1000 ids with a long token takes half of it."""
CALLS_MAX = 20_000
OPTIONS = (
    ("grpc.so_reuseport", 1),
    ("grpc.max_receive_message_length", REQUEST_BYTES_MAX),
    # Who connects and says nothing is let go, and so is who has had no call for a while.
    ("grpc.server_handshake_timeout_ms", 10_000),
    ("grpc.max_connection_idle_ms", 600_000),
    ("grpc.max_metadata_size", 16_384),
    # Calls that have come and are not taken up yet. Without these a few thousand at once, as when all watchers come back
    # after a restart, are cancelled at random from 1,000 on, and all of them beyond 3,000.
    ("grpc.server.max_pending_requests", CALLS_MAX),
    ("grpc.server.max_pending_requests_hard_limit", CALLS_MAX),
    # A watcher whose machine has gone is noticed within a minute and a half.
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
)


class GatewayServer:
    """The services, health and reflection on one port."""

    def __init__(
        self, address: str, settings: GatewaySettings, services: Sequence[Service], watchers: Watchers
    ) -> None:
        """Bind `address` (`host:port`), with others. Raises CallerError if that cannot be."""
        self._watchers = watchers
        self._server = grpc.aio.server(options=OPTIONS, maximum_concurrent_rpcs=CALLS_MAX)
        self._health = health.aio.HealthServicer()
        self._names = tuple(service.name for service in services)
        door = Door.of(settings)  # One for all: a caller's rate is of all that they call.
        for name, methods in services:
            handlers = calls.handlers(methods, door, name)
            self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, handlers),))
            self._server.add_registered_method_handlers(name, handlers)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        if settings.reflection:
            names = (*self._names, health.SERVICE_NAME, reflection.SERVICE_NAME)
            reflection.enable_server_reflection(names, self._server)
        credentials = transport.credentials(settings)
        try:
            if credentials is None:
                self._server.add_insecure_port(address)
            else:
                self._server.add_secure_port(address, credentials)
        except RuntimeError as error:
            raise CallerError(f"the gateway cannot listen on {address}: {error}") from error

    async def start(self) -> None:
        """Listen; health says NOT_SERVING until `serve`."""
        await self._set_health(health_pb2.HealthCheckResponse.NOT_SERVING)
        await self._server.start()

    async def serve(self) -> None:
        """Health says SERVING."""
        await self._set_health(health_pb2.HealthCheckResponse.SERVING)

    async def stop(self) -> None:
        """Say NOT_SERVING first, end the watches so that they resume, let calls finish, close."""
        await self._health.enter_graceful_shutdown()
        self._watchers.end_all()
        await self._server.stop(STOP_GRACE_S)

    async def _set_health(self, status: "health_pb2.HealthCheckResponse.ServingStatus") -> None:
        for name in ("", *self._names):
            await self._health.set(name, status)
