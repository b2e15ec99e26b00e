"""The acts behind a change of a score: which stretch of the log they are in, their pages, and their unsealed links."""

import base64
import binascii
import struct
from collections.abc import Callable
from typing import NamedTuple

from presence.events.errors import InvalidEvent, InvariantBroken
from presence.events.vocabulary import PersonId
from presence.gateway import refusals
from presence.gateway.log_reader import Record, Searched, Stretch
from presence.gateway.refusals import Violation, malformed
from presence.log import codec
from presence.log.revision import Revision, encode
from presence.roster.keys import DataKey, MasterKey
from presence.roster.people import decode
from presence.v1 import service_pb2

_TOKEN = struct.Struct(">BIQQQ")
_VERSION = 1

Unseal = Callable[[bytes], str]
"""The text of a sealed reference."""


class Span(NamedTuple):
    """What a change lies between: after the event of `since`, up to that of `until`."""

    since: Revision
    until: Revision

    def stretch(self) -> Stretch:
        return Stretch(self.since.partition, self.since.offset + 1, self.until.offset)


def token(span: Span, rest: Stretch) -> str:
    """The token of the page that goes on with `rest`."""
    packed = _TOKEN.pack(_VERSION, rest.partition, span.since.offset, rest.first, rest.last)
    return base64.urlsafe_b64encode(packed).rstrip(b"=").decode()


def stretch(given: str, span: Span) -> Stretch:
    """Where the page of a token goes on, or begins without one. Raises Refused for a token of another change."""
    if not given:
        return span.stretch()
    try:
        packed = base64.b64decode(given + "=" * (-len(given) % 4), altchars=b"-_", validate=True)
        version, partition, since, first, last = _TOKEN.unpack(packed)
    except (binascii.Error, ValueError, struct.error) as error:
        raise malformed([Violation("acts_page_token", "no token of acts")]) from error
    of_this = (version, partition, since) == (_VERSION, span.since.partition, span.since.offset)
    if not of_this or not since < first <= last <= span.until.offset:
        raise malformed([Violation("acts_page_token", "of another change: keep all else from page to page")])
    return Stretch(partition, first, last)


def messages(searched: Searched, partition: int, unseal: Unseal | None) -> list[service_pb2.Act]:
    """The acts of an answer; their links only with `unseal`."""
    return [_message(record, partition, unseal) for record in searched.records]


def _message(record: Record, partition: int, unseal: Unseal | None) -> service_pb2.Act:
    revision = encode(Revision(partition, record.offset))
    try:
        event = codec.parse(record.value)
    except InvalidEvent:  # It counts nothing, and is a dead letter of scoring: that it was there must do.
        return service_pb2.Act(revision=revision)
    link = unseal(event.sealed_ref) if unseal is not None and event.sealed_ref else ""
    for hidden in ("person", "actor_person", "sealed_ref"):
        event.ClearField(hidden)
    return service_pb2.Act(event=event, revision=revision, link=link)


def unsealer(person: PersonId, enrolled: bytes | None, master: MasterKey | None) -> Unseal:
    """What opens the references of `person`, by their record in the roster. Raises Refused if nothing can."""
    if master is None:
        raise refusals.links_sealed("this gateway has no master key: PRESENCE_MASTER_KEY gives it one")
    if enrolled is None:
        raise refusals.links_sealed("the roster has no key of this person (any more)")
    found = decode(enrolled)
    if found.master_key_id != master.id:
        raise refusals.links_sealed("the person's key was sealed with another master key than this gateway's")
    key = master.open(person, found.sealed_key)

    def unseal(sealed: bytes) -> str:
        return _opened(key, person, sealed)

    return unseal


def _opened(key: DataKey, person: PersonId, sealed: bytes) -> str:
    """The text; empty where it was sealed with a key that the person had before and was erased with it."""
    try:
        return key.open(person, sealed)
    except InvariantBroken:
        return ""
