"""CRC-32C in C for kafka-python, which has it in Python: a fifth of what it costs to send a record.

kafka-python would use the package `crc32c`, whose licence is not a permissive one; Google's is, and here takes its place.
"""

import google_crc32c
from kafka.record import util


def _crc32c(data: memoryview) -> int:
    return int(google_crc32c.value(bytes(data)))


def install() -> None:
    """Let every producer and consumer of this process use it. The library's function keeps what it computes with as a default."""
    util.calc_crc32c.__defaults__ = (_crc32c,)
