"""The conversations of a person's export: who wrote to them, or called. What was written is not read.

Senders are told by their names alone, so the member's own name, which stands elsewhere in the export, tells what was sent from what
was received. Only a conversation of two is an inquiry: in a group nobody writes to the member in particular.
"""

import re
from collections.abc import Iterator
from typing import BinaryIO

import msgspec

from presence.events.errors import InvalidEvent
from presence.ingest.acts import Decoded
from presence.ingest.decoding import guarded, in_range
from presence.ingest.exports.elements import elements
from presence.ingest.exports.export import Export, Item, Part
from presence.ingest.frames import FRAME_BYTES_MAX, Frame
from presence.ingest.networks import facebook
from presence.ingest.networks.facebook_records import OneMessage, Written
from presence.ingest.networks.facebook_text import hashed, repaired

SPAM = "filtered_threads"
FOLDERS = ("inbox", "archived_threads", "message_requests", SPAM, "e2ee_cutover", "legacy_threads")
MESSAGE, FILTERED = "message", "filtered message"
KINDS = frozenset({MESSAGE, FILTERED})
PROFILE_BYTES_MAX = 2**20
LINK = "https://www.facebook.com/messages/"
_FULL_NAME = re.compile(rb'"full_name"\s*+:\s*+("(?:[^"\\]|\\.)*+")')

_one = msgspec.json.Decoder(OneMessage)
_written = msgspec.json.Decoder(Written)


def items(export: Export) -> Iterator[Item]:
    """Every message of every conversation, with what tells its direction."""
    own_name = _own_name(export)

    def read(part: Part, file: BinaryIO) -> Iterator[Item]:
        kind = FILTERED if f"/{SPAM}/" in part.name else MESSAGE
        participants = 0
        for each in elements(file, ""):
            if each.kind == "/participants":
                participants += 1
            elif each.kind == "/messages":
                yield _with(own_name, participants, each, kind)

    yield from export.items(export.select(*(f"messages/{each}/*/message*.json" for each in FOLDERS)), read)


def decode(frame: Frame, account: str, observed_ms: int) -> Decoded:
    """What one message says. Raises InvalidEvent: `json`, `shape`, `nesting`, `time`."""
    if frame.kind == FILTERED:
        return Decoded(skipped="spam")
    with guarded():
        one = _one.decode(frame.data)
        message = _written.decode(one.message)
    sender = repaired(message.sender_name)
    if reason := _says_nothing(one, message, sender):
        return Decoded(skipped=reason)
    at_ms = in_range(message.timestamp_ms, observed_ms)
    word = "wrote" if message.call_duration is None and message.type != "Call" else "called"
    record = f"message/{at_ms}/{hashed(sender)}"
    return Decoded(
        (facebook.act(word, "to", account, f"name:{sender}", record=record, at_ms=at_ms, ref=LINK),)
    )


def _says_nothing(one: OneMessage, message: Written, sender: str) -> str:
    """Why a message is no inquiry; empty if it is one."""
    if one.participants > 2:
        return "group"
    if not one.own_name:
        return "unknown_direction"
    if sender == one.own_name:
        return "sent"
    if message.is_unsent:
        return "unsent"
    if message.type in {"Subscribe", "Unsubscribe"}:
        return facebook.UNSCORED  # Somebody was added, or left.
    return "" if sender else facebook.NO_ACTOR


def _with(own_name: str, participants: int, item: Item, kind: str) -> Item:
    """A message that is no JSON makes no JSON with it either, which `decode` finds."""
    if item.size_bytes > FRAME_BYTES_MAX:
        return msgspec.structs.replace(item, kind=kind)
    return Item(msgspec.json.encode(OneMessage(own_name, participants, msgspec.Raw(item.data))), kind)


def _own_name(export: Export) -> str:
    """The member's name; empty if the export does not tell it."""
    for part in export.find("profile_information.json"):
        try:
            with export.open(part) as file:
                found = _FULL_NAME.search(file.read(PROFILE_BYTES_MAX))
            if found:
                return repaired(msgspec.json.decode(found[1], type=str))
        except (InvalidEvent, msgspec.DecodeError):
            continue
    return ""
