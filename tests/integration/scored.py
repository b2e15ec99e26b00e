"""What has been scored, as a reader of committed records sees it."""

import time

import pytest

from presence.log.kafka import read_to_end
from presence.log.revision import decode
from presence.log.settings import Settings
from presence.v1 import score_pb2


def newest_offsets(settings: Settings) -> dict[str, int]:
    """Of each person, the offset of the newest record in the log."""
    offsets: dict[str, int] = {}
    for record in read_to_end(settings, settings.topics.activity):
        if record.key:
            offsets[record.key.decode()] = record.offset
    return offsets


def scores(settings: Settings) -> dict[str, bytes]:
    """The newest score of everybody who is not erased, and on the way: no score ever goes back to an older revision."""
    found: dict[str, bytes] = {}
    revisions: dict[str, int] = {}
    for record in read_to_end(settings, settings.topics.scores):
        person, value = record.key.decode(), record.value
        if value is None:
            found.pop(person, None)
            continue
        revision = decode(score_pb2.Score.FromString(value).revision)
        assert revision.partition == record.partition
        assert revision.offset >= revisions.get(person, -1), "a score went back"
        found[person], revisions[person] = value, revision.offset
    return found


def wait_until_scored(settings: Settings, within_s: float = 180) -> dict[str, bytes]:
    """The scores of everybody once each speaks of the person's newest record."""
    wanted = newest_offsets(settings)
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        found = scores(settings)
        offsets = {p: decode(score_pb2.Score.FromString(v).revision).offset for p, v in found.items()}
        if offsets == wanted:
            return found
        time.sleep(0.5)
    pytest.fail(
        f"{len(wanted)} people in the log, {len(offsets)} scored, not all of them to their newest record"
    )
