"""The gateway's port, which all its serving processes listen on together (SO_REUSEPORT), and nobody else."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

from presence.events.errors import CallerError

FREE_WAIT_S = 5.0
"""How long the servers of a gateway that was killed may take to see it and let go of the port."""
_LOOK_S = 0.05


def host_and_port(address: str) -> tuple[str, int]:
    """The parts of `host:port`. Raises CallerError if it is not that."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise CallerError(f"PRESENCE_GATEWAY must be host:port, not {address!r}")
    return host, int(port)


@contextmanager
def reserved(address: str) -> Iterator[str]:
    """Hold the port without listening on it (port 0: any free one); yields the address with its number.

    Sharing a port is for our own processes: if somebody listens there already, raises CallerError.
    """
    host, port = host_and_port(address)
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(
            host.strip("[]"), port, type=socket.SOCK_STREAM
        )[0]
        if port:
            _wait_until_free(family, place)
        with socket.socket(family, kind, protocol) as held:
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            held.bind(place)
            yield f"{host}:{held.getsockname()[1]}"
    except OSError as error:
        raise CallerError(
            f"the gateway cannot listen on {address} ({error.strerror}): is the port taken?"
            " PRESENCE_GATEWAY names another"
        ) from error


def _wait_until_free(family: int, place: tuple[object, ...]) -> None:
    """Raises OSError if somebody listens there, and goes on doing so."""
    deadline = time.monotonic() + FREE_WAIT_S
    while True:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(place)
            except OSError:
                if time.monotonic() >= deadline:
                    raise
                time.sleep(_LOOK_S)
            else:
                return
