"""GitHub: what its events mean. Pure: bytes in, acts out."""

from datetime import datetime

import msgspec

from presence.events.errors import InvalidEvent
from presence.events.vocabulary import Direction, Network, Object, Verb
from presence.ingest.acts import Act, Decoded
from presence.ingest.frames import Frame

NETWORK = Network("github")


class Account(msgspec.Struct, frozen=True):
    login: str


class Repository(msgspec.Struct, frozen=True):
    id: int
    owner: Account


class Star(msgspec.Struct, frozen=True):
    action: str
    sender: Account
    repository: Repository
    starred_at: datetime | None = None


def decode(frame: Frame, _observed_ms: int) -> Decoded:
    if frame.kind != "star":
        return Decoded(skipped="unscored")
    try:
        star = msgspec.json.decode(frame.data, type=Star)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise InvalidEvent("shape") from error
    if star.starred_at is None:
        return Decoded(skipped="unscored")
    owner, by = star.repository.owner.login.lower(), star.sender.login.lower()
    record = f"star/{star.repository.id}/{by}"
    at_ms = int(star.starred_at.timestamp() * 1000)
    return Decoded((Act(owner, by, record, "to", Direction.TO, Verb.STAR, Object.REPOSITORY, at_ms, record),))
