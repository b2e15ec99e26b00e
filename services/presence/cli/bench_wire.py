"""A websocket server that is never what a bench waits for: it sends frames that were put into their envelopes before.

`python -m presence.cli.bench_wire FILE`: prints its port, and sends each line of FILE to whoever comes, then says nothing more.
"""

import base64
import hashlib
import select
import socket
import struct
import sys
from pathlib import Path

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""https://www.rfc-editor.org/rfc/rfc6455#section-1.3"""
TEXT, PING, PONG = 0x81, 0x89, 0x8A
FRAMES_AT_ONCE = 500


def enveloped(line: bytes) -> bytes:
    """The line as one unmasked text message: RFC 6455, 5.2."""
    size = len(line)
    if size < 126:
        return struct.pack(">BB", TEXT, size) + line
    if size < 65_536:
        return struct.pack(">BBH", TEXT, 126, size) + line
    return struct.pack(">BBQ", TEXT, 127, size) + line


def main() -> None:
    """Serve one client after another until killed."""
    frames = list(map(enveloped, Path(sys.argv[1]).read_bytes().splitlines()))
    content = [b"".join(frames[at : at + FRAMES_AT_ONCE]) for at in range(0, len(frames), FRAMES_AT_ONCE)]
    with socket.create_server(("127.0.0.1", 0)) as server:
        print(server.getsockname()[1], flush=True)
        while True:
            connection, _ = server.accept()
            with connection:
                _serve(connection, content)


def _serve(connection: socket.socket, content: list[bytes]) -> None:
    asked = b""
    while b"\r\n\r\n" not in asked:
        asked += connection.recv(65_536)
    fields = (line.split(b":", 1) for line in asked.split(b"\r\n")[1:] if b":" in line)
    key = next(value.strip() for name, value in fields if name.lower() == b"sec-websocket-key")
    accept = base64.b64encode(hashlib.sha1(key + _GUID).digest())  # noqa: S324 (the protocol's)
    connection.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
    )
    try:
        for part in content:
            connection.sendall(part)
            while select.select([connection], [], [], 0)[0]:
                _answer(connection)
        while True:
            _answer(connection)
    except OSError:
        return  # Whoever measures has seen enough.


def _answer(connection: socket.socket) -> None:
    """A pong for a ping, which a client that is busy for long sends. Raises OSError when it has gone."""
    head = _read(connection, 2)
    mask = _read(connection, 4)
    payload = bytes(byte ^ mask[at % 4] for at, byte in enumerate(_read(connection, head[1] & 0x7F)))
    if head[0] == PING:
        connection.sendall(struct.pack(">BB", PONG, len(payload)) + payload)


def _read(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        if not (part := connection.recv(size - len(data))):
            raise ConnectionResetError
        data += part
    return data


if __name__ == "__main__":
    main()
