"""Whatever comes as a frame, the decoder says what it means or refuses it by one kind of error."""

from pathlib import Path
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from presence.events.errors import InvalidEvent
from presence.ingest.acts import Decoded, Retraction
from presence.ingest.networks.bluesky import TABLE, UNSCORED, decode

REAL = (Path(__file__).parents[1] / "data" / "jetstream_v1.jsonl").read_bytes().splitlines()
NOW_MS = 1_780_000_000_000
COLLECTIONS = sorted({collection for collection, _ in TABLE} | UNSCORED)

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
anything = st.recursive(
    scalars
    | st.sampled_from(["did:plc:me", "at://did:plc:you/app.bsky.feed.post/3k", "2026-05-25T14:23:28Z"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
names = (
    "createdAt",
    "subject",
    "uri",
    "reply",
    "parent",
    "facets",
    "features",
    "did",
    "embed",
    "record",
    "media",
    "$type",
)
records = st.recursive(
    anything, lambda inner: st.dictionaries(st.sampled_from(names), inner | st.lists(inner, max_size=2)), max_leaves=10
)  # fmt: skip


def outcome(data: bytes) -> Decoded | None:
    """None if refused; any other error fails the property."""
    try:
        found = decode(data, NOW_MS)
    except InvalidEvent:
        return None
    assert bool(found.natives) != bool(found.skipped)
    return found


@settings(max_examples=300)
@given(st.binary(max_size=200))
def test_arbitrary_bytes(data: bytes) -> None:
    outcome(data)


@settings(max_examples=300)
@given(anything)
def test_arbitrary_json(value: Any) -> None:
    outcome(msgspec.json.encode(value))


@settings(max_examples=300)
@given(records, st.sampled_from(COLLECTIONS), st.sampled_from(["create", "update", "delete"]))
def test_arbitrary_records_in_a_good_envelope(record: Any, collection: str, operation: str) -> None:
    commit = {
        "rev": "3mmoojp7vgo2g",
        "operation": operation,
        "collection": collection,
        "rkey": "3k",
        "cid": "bafyreia",
    }
    frame = {"did": "did:plc:me", "time_us": 1, "kind": "commit", "commit": commit | {"record": record}}
    found = outcome(msgspec.json.encode(frame))
    for native in found.natives if found else ():
        who = native.by if isinstance(native, Retraction) else native.about
        assert who.startswith("did:")


@settings(max_examples=300)
@given(st.data())
def test_real_frames_with_one_part_replaced(data: st.DataObject) -> None:
    frame = msgspec.json.decode(data.draw(st.sampled_from(REAL)))
    at = frame
    while True:
        key = data.draw(st.sampled_from(sorted(at)))
        if not isinstance(at[key], dict) or data.draw(st.booleans()):
            break
        at = at[key]
        if not at:
            return
    at[key] = data.draw(anything)
    outcome(msgspec.json.encode(frame))


@settings(max_examples=300)
@given(st.sampled_from(REAL), st.data())
def test_real_frames_cut_off_are_refused(frame: bytes, data: st.DataObject) -> None:
    assert outcome(frame[: data.draw(st.integers(0, len(frame) - 1))]) is None


@settings(max_examples=300)
@given(st.sampled_from(REAL))
def test_the_same_frame_says_the_same(frame: bytes) -> None:
    assert outcome(frame) == outcome(frame)
