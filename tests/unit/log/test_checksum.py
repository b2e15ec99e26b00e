"""kafka-python's checksum is computed in C, and is the same."""

import os

from kafka.record import default_records
from kafka.record._crc32c import crc as in_python

from presence.log import checksum
from presence.log.kafka import consumer


def test_the_library_computes_with_ours_and_gets_what_it_got_before() -> None:
    assert callable(consumer)
    computed = default_records.calc_crc32c
    assert computed.__defaults__ == (checksum._crc32c,)  # noqa: SLF001 (that it is this one)
    assert computed(memoryview(b"123456789")) == 0xE3069283, "RFC 3720, B.4: the check value of CRC-32C"
    for size in (0, 1, 7, 1000):
        data = os.urandom(size)
        assert computed(memoryview(data)) == in_python(data)
