"""Who answers for which partition of the activity log: a record of the compact topic `presence.owners`.

Its key is the number of the partition, its value where the scoring worker that has it answers interactive queries. It is
written in the transaction of the partition's own publisher, so that a worker which was fenced cannot announce itself.
"""

import msgspec

from presence.events.errors import InvariantBroken

STATE_PATH = "/v1/partitions/{partition}/people/{person}/state"
MODEL_HEADER = "X-Presence-Model"
"""Of an answer: the hash of the model whose counts the state holds."""


class Owner(msgspec.Struct, frozen=True):
    """Where a worker answers: `host:port`, plain HTTP."""

    address: str


def key(partition: int) -> bytes:
    return str(partition).encode()


def encode(owner: Owner) -> bytes:
    return msgspec.json.encode(owner)


def decode(record_key: bytes, value: bytes) -> tuple[int, Owner]:
    """The partition and its owner. Raises InvariantBroken: only we write there."""
    try:
        return int(record_key), msgspec.json.decode(value, type=Owner)
    except (msgspec.DecodeError, ValueError) as error:
        raise InvariantBroken("a record of the owners cannot be read") from error
