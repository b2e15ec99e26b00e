"""The receiver as a process: an event loop for the senders, and a runner's thread for each network."""

import functools
import logging
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import uvicorn
import uvloop

from presence.events.errors import CallerError
from presence.events.vocabulary import Network
from presence.ingest.runner import Runner
from presence.ingest.webhooks.connection import BoundedConnection
from presence.ingest.webhooks.limits import Limits
from presence.ingest.webhooks.receiver import Receiver

CONNECTIONS_IN_BACKLOG = 256
KEEP_ALIVE_S = 15


class _Server(uvicorn.Server):
    """uvicorn's, but that signals are the command's."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class WebhookServer:
    """Runs until `stop`, or until a runner fails. Built by `bootstrap`; `run` is called once."""

    def __init__(
        self, receiver: Receiver, runners: Mapping[Network, Runner], limits: Limits, host: str, port: int
    ) -> None:
        """Listens at once. Raises CallerError if the address cannot be had."""
        # A head that is no HTTP is the sender's fault and answered with 400; a line for each would be theirs to write.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        self.receiver = receiver
        self.runners = runners
        self._failures: list[BaseException] = []
        self._socket = _listening(host, port)
        self.port = int(self._socket.getsockname()[1])
        config = uvicorn.Config(
            receiver.app,
            http=functools.partial(BoundedConnection, limits=limits),  # type: ignore[arg-type] # whatever makes one
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=limits.stop_s,  # type: ignore[arg-type] # given to asyncio.wait_for as it is
        )
        self._server = _Server(config)

    def stop(self) -> None:
        """Take no more, finish what was taken, and return from `run` within seconds. From anywhere."""
        self._server.should_exit = True

    def run(self) -> None:
        """Serve until `stop`. Raises what a runner raised, such as SourceUnavailable when the broker is away for good."""
        threads = [threading.Thread(target=self._guarded, args=(each,)) for each in self.runners.values()]
        for thread in threads:
            thread.start()
        try:
            uvloop.run(self._server.serve([self._socket]))
        finally:
            for runner in self.runners.values():
                runner.stop()
            for thread in threads:
                thread.join()
        if self._failures:
            raise self._failures[0]

    def close(self) -> None:
        self._socket.close()

    def _guarded(self, runner: Runner) -> None:
        try:
            runner.run()
        except BaseException as error:  # noqa: BLE001 (raised again by `run`, in the main thread)
            self._failures.append(error)
        finally:
            self.stop()


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=CONNECTIONS_IN_BACKLOG)
    except OSError as error:
        raise CallerError(f"cannot listen on {host}:{port}: {error.strerror}") from error
