"""Ask a broker who it is, with one Metadata request over a plain socket: the check that a start waits for.

An open port is not enough: Kafka listens before it is in its own cluster, and the port may be somebody else's. The
answer names the cluster and lists the brokers that may serve. No Kafka client is needed, so `presence broker` works
with the standard library alone. Wire format: Kafka protocol guide, Metadata request and response version 4.
"""

import socket
import struct
from dataclasses import dataclass

METADATA_KEY = 3
METADATA_VERSION = 4
CORRELATION_ID = 7
CLIENT_ID = b"presence-probe"
# A broker without topics in the answer takes some hundred bytes; more than this is not Kafka speaking.
ANSWER_BYTES_MAX = 1 << 20


@dataclass(frozen=True, slots=True)
class Answer:
    """The cluster's id and how many of its brokers may serve (a broker that is still starting lists none)."""

    cluster_id: str
    brokers: int


class NotKafka(Exception):
    """What answers on this port does not speak Kafka's protocol."""


def ask(host: str, port: int, timeout_s: float) -> Answer | None:
    """The broker's answer, or None if nobody is there or it did not answer in time. Raises NotKafka."""
    try:
        with socket.create_connection((host, port), timeout=timeout_s) as connection:
            connection.sendall(metadata_request())
            (length,) = struct.unpack(">i", _receive(connection, 4))
            if not 0 < length <= ANSWER_BYTES_MAX:
                raise NotKafka(f"an answer of {length} bytes")
            return parse_metadata(_receive(connection, length))
    except OSError:
        return None


def metadata_request() -> bytes:
    """A Metadata request for no topic at all, which still lists the brokers. The length comes first."""
    header = struct.pack(
        f">hhih{len(CLIENT_ID)}s", METADATA_KEY, METADATA_VERSION, CORRELATION_ID, len(CLIENT_ID), CLIENT_ID
    )
    no_topics_and_create_none = struct.pack(">i?", 0, False)
    return (
        struct.pack(">i", len(header) + len(no_topics_and_create_none)) + header + no_topics_and_create_none
    )


def parse_metadata(payload: bytes) -> Answer:
    """The answer in `payload`, a response without its length. Raises NotKafka for anything else."""
    try:
        correlation_id, _throttle_ms, brokers = struct.unpack_from(">iii", payload)
        if correlation_id != CORRELATION_ID or not 0 <= brokers < 1000:
            raise NotKafka("an answer to another question")
        position = 12
        for _ in range(brokers):
            _host, position = _string(payload, position + 4)  # After the node's id.
            _rack, position = _string(payload, position + 4)  # After the port.
        cluster_id, _ = _string(payload, position)
    except (struct.error, UnicodeDecodeError) as error:
        raise NotKafka("a broken answer") from error
    return Answer(cluster_id=cluster_id, brokers=brokers)


def _string(payload: bytes, position: int) -> tuple[str, int]:
    """A nullable string (16 bits of length, -1 for null) and the position after it."""
    (length,) = struct.unpack_from(">h", payload, position)
    start = position + 2
    end = start + max(length, 0)
    if end > len(payload):
        raise NotKafka("an answer that is cut short")
    return payload[start:end].decode(), end


def _receive(connection: socket.socket, count: int) -> bytes:
    received = bytearray()
    while len(received) < count:
        chunk = connection.recv(count - len(received))
        if not chunk:
            raise ConnectionResetError("closed in the middle of an answer")
        received += chunk
    return bytes(received)
