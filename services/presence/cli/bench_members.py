"""People who are enrolled for a measurement, and events about them."""

import random
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from presence.events.vocabulary import (
    AccountHash,
    Direction,
    Event,
    Kind,
    Network,
    Object,
    PersonId,
    PersonKind,
    TimeQuality,
    Verb,
)
from presence.log import codec
from presence.log.clock import now_ms
from presence.log.kafka import producer
from presence.log.settings import Settings
from presence.roster.enrolment import Enrolment, NewPerson
from presence.roster.follower import Follower
from presence.roster.keys import DataKey, MasterKey
from presence.roster.people import ConsentBasis

BLUESKY = Network("bluesky")
ENROLLED_AT_ONCE = 1_000
DAY_MS = 86_400_000


class Member(NamedTuple):
    """Somebody who is enrolled."""

    id: PersonId
    native: str
    account: AccountHash
    key: DataKey

    def link(self, number: int) -> str:
        return f"at://{self.native}/app.bsky.feed.post/{number}"


@dataclass(slots=True)
class Load:
    """Events about everybody, also about who is erased, at a steady pace until it is stopped."""

    settings: Settings
    members: Sequence[Member]
    rate: int
    sent: int = 0
    _stopping: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def running(self) -> Iterator[None]:
        thread = threading.Thread(target=self._run)
        thread.start()
        try:
            yield
        finally:
            self._stopping.set()
            thread.join()

    def send(self, number: int) -> None:
        """Send so many more at once."""
        sender = producer(self.settings)
        for _ in range(number):
            self._send(sender)
        sender.flush()
        sender.close()

    def _run(self) -> None:
        sender = producer(self.settings)
        began, first = time.monotonic(), self.sent
        while not self._stopping.wait(0.02):
            for _ in range(int((time.monotonic() - began) * self.rate) - (self.sent - first)):
                self._send(sender)
        sender.flush()
        sender.close()

    def _send(self, sender: Any) -> None:
        chance = random.Random(self.sent)  # noqa: S311
        member, number = chance.choice(self.members), self.sent
        direction = chance.choice((Direction.BY, Direction.TO))
        observed_ms = now_ms()
        event = Event(
            kind=Kind.ACTIVITY,
            id=member.key.event_id(BLUESKY, f"{member.link(number)}#{direction.name}"),
            person=member.id,
            network=BLUESKY,
            account=member.account,
            direction=direction,
            verb=Verb.CREATE if direction == Direction.BY else Verb.LIKE,
            object=Object.NOTE,
            actor=member.key.actor_hash(BLUESKY, f"did:plc:fan{number % 97}"),
            occurred_ms=observed_ms - chance.randrange(300) * DAY_MS,
            observed_ms=observed_ms,
            time_quality=TimeQuality.EXACT,
            magnitude=1,
            sealed_ref=member.key.seal(member.id, member.link(number)),
        )
        sender.send(self.settings.topics.activity, key=member.id.encode(), value=codec.encode(event))
        self.sent += 1


def enrolled(settings: Settings, number: int) -> list[Member]:
    master = MasterKey.load(settings)
    follower = Follower(settings, master)
    enrolment = Enrolment(settings, master, follower)
    natives = [f"did:plc:bench{each:019d}" for each in range(number)]
    for start in range(0, number, ENROLLED_AT_ONCE):
        some = natives[start : start + ENROLLED_AT_ONCE]
        enrolment.enrol([NewPerson(PersonKind.PERSON, BLUESKY, each, ConsentBasis.GRANTED) for each in some])
    members = []
    for native in natives:
        linked = follower.registry.find(BLUESKY, native)
        assert linked is not None
        members.append(Member(linked.person, native, linked.account, linked.key))
    enrolment.close()
    follower.close()
    return members
