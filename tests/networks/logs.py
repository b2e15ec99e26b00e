"""What a test does with the log: enrols in it, and looks at what came of it."""

import time
from collections import Counter
from collections.abc import Callable

from presence.events.vocabulary import Event, Kind, Network, PersonKind
from presence.log import codec
from presence.log.kafka import ensure_topics, read_to_end
from presence.log.settings import Settings
from presence.roster.enrolment import Enrolment, NewPerson
from presence.roster.follower import Follower
from presence.roster.keys import MasterKey
from presence.roster.people import ConsentBasis

PATIENCE_S = 60


def enrol(found: Settings, *accounts: str) -> None:
    """`accounts` as `network:native`."""
    ensure_topics(found)
    follower = Follower(found, MasterKey.load(found))
    follower.catch_up()
    enrolment = Enrolment(found, MasterKey.load(found), follower)
    split = [each.split(":", 1) for each in accounts]
    enrolment.enrol(
        [NewPerson(PersonKind.PERSON, Network(on), native, ConsentBasis.GRANTED) for on, native in split]
    )
    enrolment.close()
    follower.close()


def logged(found: Settings) -> list[Event]:
    events = [codec.decode(record.value) for record in read_to_end(found, found.topics.activity)]
    return [event for event in events if event.kind not in {Kind.ENROLLED, Kind.WATERMARK}]


def reasons(found: Settings) -> Counter[str]:
    return Counter(dict(each.headers)["reason"].decode() for each in read_to_end(found, found.topics.dlq))


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)
