"""The breakable network over real sockets: a far side that sends back what it gets."""

import socket
import threading
from collections.abc import Iterator

import pytest

from presence.chaos.proxy import Proxy

HOST = "127.0.0.1"
TIMEOUT_S = 30


@pytest.fixture
def echo() -> Iterator[socket.socket]:
    """Listens, and echoes every connection."""
    with socket.create_server((HOST, 0)) as server:

        def answer(connection: socket.socket) -> None:
            with connection:
                try:
                    while data := connection.recv(1024):
                        connection.sendall(data)
                except ConnectionError:
                    return

        def accept() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=answer, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield server
        server.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def proxy(echo: socket.socket) -> Iterator[Proxy]:
    made = Proxy(echo.getsockname()[1])
    yield made
    made.close()


def connected(proxy: Proxy) -> socket.socket:
    return socket.create_connection((HOST, proxy.port), timeout=TIMEOUT_S)


def test_it_passes_both_ways(proxy: Proxy) -> None:
    with connected(proxy) as client:
        client.sendall(b"a")
        assert client.recv(1) == b"a"


def test_an_abrupt_loss_resets_what_is_open_and_refuses_what_is_new_until_it_heals(proxy: Proxy) -> None:
    with connected(proxy) as client:
        client.sendall(b"a")
        assert client.recv(1) == b"a"
        proxy.cut(abrupt=True)
        assert _ended(client)
    with connected(proxy) as client:
        assert _ended(client)
    proxy.heal()
    with connected(proxy) as client:
        client.sendall(b"b")
        assert client.recv(1) == b"b"


def test_a_silent_loss_delivers_late(proxy: Proxy) -> None:
    with connected(proxy) as client:
        client.sendall(b"a")
        assert client.recv(1) == b"a"
        proxy.cut(abrupt=False)
        client.sendall(b"b")
        client.settimeout(0.2)
        with pytest.raises(TimeoutError):
            client.recv(1)
        client.settimeout(TIMEOUT_S)
        proxy.heal()
        assert client.recv(1) == b"b"


def test_where_nobody_listens_the_connection_is_reset() -> None:
    with socket.create_server((HOST, 0)) as closed:
        port = closed.getsockname()[1]
    lost = Proxy(port)
    with connected(lost) as client:
        assert _ended(client)
    lost.close()


def _ended(client: socket.socket) -> bool:
    try:
        return client.recv(1) == b""
    except ConnectionError:
        return True
