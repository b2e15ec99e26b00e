"""Whatever an export holds, and whatever an API answers, it is read to its end, and refused by one kind of error."""

import csv
import io
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, cast

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.exports import google as takeout
from tests.exports import linkedin as member
from tests.exports.repository import Writer

from presence.events.errors import CallerError, InvalidEvent
from presence.ingest.acts import Decoded
from presence.ingest.exports.elements import elements
from presence.ingest.exports.rows import rows
from presence.ingest.frames import Frame
from presence.ingest.importing import ImportOptions, rehearsed
from presence.ingest.networks import (
    glassdoor,
    google,
    google_takeout,
    linkedin_changes,
    linkedin_export,
    linkedin_page,
    yelp,
)
from presence.ingest.networks.linkedin_dates import millis

NOW_MS = 1_790_000_000_000
Decode = Callable[[bytes], Decoded]


def framed(kind: str, decode: Callable[[Frame, str, int], Decoded]) -> Decode:
    return lambda data: decode(Frame(data, 1, len(data), kind), "me", NOW_MS)


DECODERS: dict[str, Decode] = {
    "changes": lambda data: linkedin_changes.decode(data, NOW_MS),
    "page": lambda data: linkedin_page.decode(data, NOW_MS),
    "google": lambda data: google.decode(data, "", NOW_MS),
    "takeout": framed("Reviews.json/features", google_takeout.decode),
    "yelp business": framed(yelp.BUSINESS, lambda frame, _, at_ms: yelp.decode(frame, at_ms)),
    "yelp review": framed(yelp.REVIEW, lambda frame, _, at_ms: yelp.decode(frame, at_ms)),
    "glassdoor": framed("reviews.csv", glassdoor.decode),
    **{f"linkedin {kind}": framed(kind, linkedin_export.decode) for kind in linkedin_export.READERS},
}
NAMES = sorted(
    {
        column.casefold()
        for text in member.FILES.values()
        for line in text.splitlines()
        for column in line.split(",")
    }
    | {name for names in glassdoor.COLUMNS.values() for name in names}
    | {"name", "starRating", "updateTime", "createTime", "properties", "geometry", "date", "google_maps_url"}
    | {
        "five_star_rating_published",
        "owner",
        "resourceName",
        "method",
        "activity",
        "object",
        "id",
        "created",
        "time",
    }
    | {"type", "notifications", "organizationalEntity", "action", "lastModifiedAt", "generatedActivity"}
    | {"business", "review", "rating", "review_count", "at_ms", "time_created", "user", "total", "newest"}
)
WORDS = [
    "2026-05-07 16:41:18", "08 Feb 2026", "9/5/26, 1:12 AM", "2025-01-01T10:15:30.123456Z", "0000-00-00", "FIVE", "4.5", "-1",
    "urn:li:activity:7401794121226568123", "urn:li:person:a", "socialActions/likes", "ugcPosts", "CREATE", "DELETE", "ACCEPTED",
    "accounts/1/locations/2/reviews/3", "https://www.linkedin.com/in/ada", "INCOMING", linkedin_page.SOCIAL_ACTIONS, "LIKE",
]  # fmt: skip
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(max_size=20) | st.sampled_from(WORDS)
values = st.recursive(
    scalars | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=10,
)
objects = st.dictionaries(st.sampled_from(NAMES), values, max_size=8)
tables = st.dictionaries(st.sampled_from(NAMES), texts, max_size=8)


def is_sane(decode: Decode, data: bytes) -> None:
    try:
        found = decode(data)
    except InvalidEvent:
        return
    assert bool(found.natives) != bool(found.skipped)


@pytest.mark.parametrize("name", sorted(DECODERS))
@settings(max_examples=150)
@given(data=st.binary(max_size=100) | objects.map(msgspec.json.encode) | tables.map(msgspec.json.encode))
def test_a_decoder_says_what_it_is_or_refuses(name: str, data: bytes) -> None:
    is_sane(DECODERS[name], data)


@pytest.mark.parametrize("name", sorted(DECODERS))
def test_nesting_and_odd_numbers_are_refused(name: str) -> None:
    for data in (
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b'{"id":1e999}',
        b'{"id":' + b"9" * 5000 + b"}",
        b"\xff\xfe",
    ):
        is_sane(DECODERS[name], data)


@settings(max_examples=300)
@given(st.lists(values, max_size=8), st.sampled_from([None, 1]))
def test_the_elements_of_any_array_are_its_elements(told: list[Any], indent: int | None) -> None:
    text = json.dumps({"a": told, "b": {"c": told}}, indent=indent).encode()
    assert [json.loads(each.data) for each in elements(io.BytesIO(text), "f")] == told
    assert [json.loads(each.data) for each in elements(io.BytesIO(json.dumps(told).encode()), "f")] == told


@settings(max_examples=300)
@given(st.binary(max_size=300) | st.text('{}[]",:\\1 \n', max_size=60).map(str.encode))
def test_elements_of_anything_end(data: bytes) -> None:
    found = list(elements(io.BytesIO(data), "f"))
    assert sum(each.size_bytes for each in found) <= len(data)
    assert all(each.data for each in found)


def buffered(data: bytes) -> BinaryIO:
    return cast("BinaryIO", io.BufferedReader(cast("io.RawIOBase", io.BytesIO(data))))


cells = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=12)


@settings(max_examples=300)
@given(st.lists(st.tuples(cells, cells).filter(lambda row: any(cell.strip() for cell in row)), max_size=6))
def test_the_rows_of_any_csv_are_its_rows(table: list[tuple[str, str]]) -> None:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([("one", "two"), *table])
    found = [json.loads(each.data) for each in rows(buffered(out.getvalue().encode()), "f")]
    assert found == [
        {name: cell for name, cell in zip(("one", "two"), row, strict=True) if cell} for row in table
    ]


@settings(max_examples=300)
@given(st.binary(max_size=300) | st.text('a,;"\\\n\r\t', max_size=60).map(str.encode), st.booleans())
def test_rows_of_anything_end(data: bytes, backslash_escapes: bool) -> None:
    for each in rows(buffered(data), "f", backslash_escapes=backslash_escapes):
        assert each.refused or isinstance(json.loads(each.data), dict)


@settings(max_examples=500)
@given(
    st.text(max_size=60)
    | st.sampled_from(WORDS).flatmap(lambda word: st.text(max_size=3).map(lambda t: word + t))
)
def test_any_text_is_a_date_or_is_not(text: str) -> None:
    try:
        at_ms, _ = millis(text)
    except InvalidEvent:
        return
    assert at_ms % 1000 == 0


def a_repository() -> bytes:
    writer = Writer()
    records = {
        f"app.bsky.graph.follow/3k{n:09}": {"createdAt": "2026-05-25T14:23:28Z", "subject": "did:plc:b"}
        for n in range(30)
    }
    return writer.car(writer.repository("did:plc:a", records))


def adds_up(network: str, content: bytes, name: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        (path := Path(folder) / name).write_bytes(content)
        try:
            with rehearsed(ImportOptions(network=network, path=path, person="ada"), None) as one:
                one.runner.run()
                result = one.result()
        except CallerError:
            return {}
    given_ = result["events"] + result["undo"] + result["gauges"]
    assert result["read"] == given_ + sum(result["skipped"].values()) + result["dlq"]
    return result


CAR = a_repository()


@settings(max_examples=60)
@given(st.integers(0, len(CAR) - 1), st.binary(min_size=1, max_size=4), st.integers(0, len(CAR)))
def test_a_repository_with_any_bytes_changed_or_cut_is_read_to_its_end(at: int, new: bytes, end: int) -> None:
    assert adds_up("bluesky", CAR, "whole.car")["events"] == 30
    adds_up("bluesky", (CAR[:at] + new + CAR[at + len(new) :])[: max(end, len(CAR) // 2)], "repo.car")


@settings(max_examples=40)
@given(st.sampled_from(sorted(member.FILES)), st.integers(0, 400), st.binary(max_size=6))
def test_a_file_of_a_member_with_any_bytes_changed_is_read_to_its_end(name: str, at: int, new: bytes) -> None:
    content = member.FILES[name].encode()
    adds_up("linkedin", content[:at] + new + content[at + len(new) :], Path(name).name)


@settings(max_examples=40)
@given(st.sampled_from(sorted(takeout.FILES)), st.integers(0, 900), st.binary(max_size=6))
def test_a_file_of_a_takeout_with_any_bytes_changed_is_read_to_its_end(
    name: str, at: int, new: bytes
) -> None:
    content = json.dumps(takeout.FILES[name], indent=2).encode()
    adds_up("google", content[:at] + new + content[at + len(new) :], Path(name).name)
