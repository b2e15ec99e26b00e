"""The generic door: activities as they are, or in CloudEvents, over HTTP, from whoever has the token.

CloudEvents 1.0 in its three modes: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md. An activity that has no id or
time of its own has those of its CloudEvent. A request is taken as a whole or not at all: 400 says what is wrong with each item.
"""

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

import msgspec

from presence.events.errors import InvalidEvent
from presence.ingest.decoding import guarded
from presence.ingest.frames import FRAME_BYTES_MAX, Frame
from presence.ingest.networks import other
from presence.ingest.webhooks.hook import Hook, Letter, Posted, Refused
from presence.ingest.webhooks.signatures import same, secrets_of
from presence.log.clock import now_ms

TOKEN = "PRESENCE_DOOR_TOKEN"  # noqa: S105 (the name of a variable)
PATH = "/door"
ITEMS_MAX = 1_000
REASONS_MAX = 100
BATCH, STRUCTURED = "application/cloudevents-batch+json", "application/cloudevents+json"
PLAIN = frozenset({"application/activity+json", "application/ld+json", "application/json"})
COLLECTIONS = frozenset({"Collection", "OrderedCollection", "CollectionPage", "OrderedCollectionPage"})


class Envelope(msgspec.Struct):
    """https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md."""

    specversion: str
    id: str
    source: str
    type: str
    time: str = ""
    datacontenttype: str = "application/json"
    data: msgspec.Raw = msgspec.Raw()
    data_base64: str | None = None


class Bad(NamedTuple):
    """What is wrong with the item of this number, from 0."""

    item: int
    reason: str


def hook(values: Mapping[str, str]) -> Hook:
    """The hook of the door. Raises CallerError if there is no token."""
    tokens = secrets_of(values[TOKEN])

    def verify(posted: Posted, _at_ms: int) -> None:
        scheme, _, given = posted.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not any(same(each.decode(), given) for each in tokens):
            raise Refused(401, "the token is missing or wrong")

    return Hook(
        network=other.NETWORK,
        path=PATH,
        decode=other.decode,
        verify=verify,
        letters=letters,
    )


def letters(posted: Posted) -> Sequence[Letter]:
    """The activities of a request. Raises Refused with 400 and a reason per item, or 415."""
    taken: list[Letter] = []
    wrong: list[Bad] = []
    try:
        items = _items(posted)
    except InvalidEvent as error:
        raise _refused([Bad(0, error.reason)]) from error
    if len(items) > ITEMS_MAX:
        raise _refused([Bad(ITEMS_MAX, "too_many")])
    at_ms = now_ms()
    for number, item in enumerate(items):
        try:
            taken.append(Letter(_checked(item, at_ms)))
        except InvalidEvent as error:
            wrong.append(Bad(number, error.reason))
    if wrong:
        raise _refused(wrong)
    return taken


class Item(NamedTuple):
    """One of a request: an activity, or a CloudEvent with one."""

    data: bytes
    is_enveloped: bool = False


def _checked(item: Item, at_ms: int) -> bytes:
    """The activity of `item`. Raises InvalidEvent if the decoder would not take it."""
    data = _opened(item.data) if item.is_enveloped else item.data
    if len(data) > FRAME_BYTES_MAX:
        raise InvalidEvent("too_long")
    other.decode(Frame(data, 0, len(data)), at_ms)
    return data


def _items(posted: Posted) -> Sequence[Item]:
    """Raises InvalidEvent, and Refused with 415."""
    kind = posted.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == STRUCTURED:
        return (Item(posted.body, is_enveloped=True),)
    with guarded():
        if kind == BATCH:
            events = msgspec.json.decode(posted.body, type=list[msgspec.Raw])
            return [Item(bytes(each), is_enveloped=True) for each in events]
        if "ce-specversion" in posted.headers:
            return (Item(_filled(_binary(posted.headers), posted.body)),)
        if kind not in PLAIN:
            raise Refused(415, "no such content type here")
        return [Item(each) for each in _activities(posted.body)]


def _activities(body: bytes) -> Iterator[bytes]:
    """One activity, a collection of them, or an array."""
    if body.lstrip()[:1] == b"[":
        yield from map(bytes, msgspec.json.decode(body, type=list[msgspec.Raw]))
        return
    told = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    kind = msgspec.json.decode(told.get("type", msgspec.Raw(b'""')))
    if not isinstance(kind, str) or kind not in COLLECTIONS:
        yield body
        return
    for name in ("items", "orderedItems"):
        yield from map(bytes, msgspec.json.decode(told.get(name, msgspec.Raw(b"[]")), type=list[msgspec.Raw]))


def _binary(headers: Mapping[str, str]) -> Envelope:
    """The envelope of the headers `ce-*`, whose values are percent-encoded (3.1.3.2 of the binding)."""
    names = ("specversion", "id", "source", "type", "time")
    return msgspec.convert({each: unquote(headers.get(f"ce-{each}", "")) for each in names}, Envelope)


def _opened(item: bytes) -> bytes:
    """The activity in a CloudEvent of JSON."""
    with guarded():
        envelope = msgspec.json.decode(item, type=Envelope)
    data = bytes(envelope.data)
    if envelope.data_base64 is not None:
        try:
            data = base64.b64decode(envelope.data_base64, validate=True)
        except binascii.Error as error:
            raise InvalidEvent("base64") from error
    return _filled(envelope, data)


def _filled(envelope: Envelope, data: bytes) -> bytes:
    """The activity, with the id and the time of its envelope where it has none."""
    if envelope.specversion != "1.0" or not (envelope.id and envelope.source and envelope.type):
        raise InvalidEvent("cloudevent")
    with guarded():
        activity = msgspec.json.decode(data, type=dict[str, Any])
    # An id is unique within its source only, so both make the activity's.
    name = f"urn:cloudevent:{quote(envelope.source, safe='')}:{quote(envelope.id, safe='')}"
    activity["id"] = activity.get("id") or name
    activity["published"] = activity.get("published") or envelope.time
    return msgspec.json.encode(activity)


def _refused(wrong: Sequence[Bad]) -> Refused:
    told = {"taken": 0, "errors": [each._asdict() for each in wrong[:REASONS_MAX]]}
    return Refused(400, f"{len(wrong)} items are wrong", msgspec.json.encode(told))
