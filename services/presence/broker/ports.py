"""Find ports on 127.0.0.1 that are free, and stay free while the broker is down."""

import random
import socket
import time

from presence.broker.errors import BrokerError
from presence.broker.properties import HOST

# Below every system's range of ephemeral ports (Linux begins at 32768, macOS at 49152), so that no outgoing
# connection sits on a broker's port when it wants it back.
PORTS = range(20_000, 30_000)
ATTEMPTS_MAX = 200
POLL_S = 0.02


def refusal(port: int) -> str | None:
    """Why this process could not listen there now, in the system's words, or None if it could."""
    with socket.socket() as probe:
        # As Java does: a port in TIME_WAIT after a stop is free, one where somebody listens is not.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            probe.listen()
        except OSError as error:
            return error.strerror
    return None


def lasting_refusal(port: int, wait_s: float) -> str | None:
    """As `refusal`, if it still holds after `wait_s`: a process that ends loses its arguments before its sockets."""
    give_up_at = time.monotonic() + wait_s
    while (reason := refusal(port)) and time.monotonic() < give_up_at:
        time.sleep(POLL_S)
    return reason


def free_port(*, besides: int | None = None) -> int:
    """A free port other than `besides`, at random so that two brokers that start at once do not meet."""
    for port in random.sample(PORTS, ATTEMPTS_MAX):
        if port != besides and refusal(port) is None:
            return port
    raise BrokerError(
        f"None of {ATTEMPTS_MAX} ports from {PORTS.start} to {PORTS.stop - 1} is free on {HOST}.",
        "Stop what occupies them, or choose a port with --port.",
    )
