"""People with a past, as records of the log: what they did until today, week by week."""

from collections.abc import Iterator, Sequence

from presence.events.door import check
from presence.events.vocabulary import (
    AccountHash,
    ActorHash,
    Direction,
    Event,
    EventId,
    Gauge,
    Kind,
    Network,
    Object,
    PersonId,
    PersonKind,
    TimeQuality,
    Verb,
)
from presence.log import codec
from presence.log.kafka import ensure_topics, producer
from presence.log.settings import Settings
from presence.log.topics import DAY_MS

BLUESKY = Network("bluesky")
LIKERS = 40
POSTS = 3


def steady_expert(person: PersonId, until_ms: int, weeks: int, account: int = 1) -> Iterator[Event]:
    """An article and three posts a week, liked by LIKERS people and passed on by some, with a profile that is complete."""
    yield Event(
        kind=Kind.ENROLLED, id=EventId(1), person=person, person_kind=PersonKind.PERSON, observed_ms=until_ms
    )
    for gauge, value in ((Gauge.FOLLOWERS, 50_000), (Gauge.PROFILE_COMPLETENESS, 100)):
        yield Event(
            kind=Kind.GAUGE, id=EventId(1 + gauge), person=person, network=BLUESKY, account=AccountHash(account),
            gauge=gauge, value=value, observed_ms=until_ms,
        )  # fmt: skip
    number = 10
    for week in range(weeks):
        at_ms = until_ms - (7 * week + 1) * DAY_MS
        written = [Object.ARTICLE] + [Object.NOTE] * POSTS
        acts = [(Direction.BY, Verb.CREATE, each, 0) for each in written]
        acts += [(Direction.TO, Verb.LIKE, Object.NOTE, fan) for fan in range(1, LIKERS + 1)]
        acts += [(Direction.TO, Verb.ANNOUNCE, Object.NOTE, fan) for fan in range(1, 31)]
        acts += [(Direction.TO, Verb.ENDORSE, Object.PROFILE, fan) for fan in range(1, 21)]
        acts += [(Direction.TO, Verb.MESSAGE, Object.NOTE, fan) for fan in range(1, 11)]
        for direction, verb, thing, actor in acts:
            number += 1
            yield Event(
                kind=Kind.ACTIVITY, id=EventId(number), person=person, network=BLUESKY, account=AccountHash(account),
                direction=direction, verb=verb, object=thing, actor=ActorHash(actor), magnitude=1,
                occurred_ms=at_ms, observed_ms=until_ms, time_quality=TimeQuality.EXACT,
            )  # fmt: skip


def followed(person: PersonId, by: PersonId, at_ms: int, number: int) -> Event:
    """`by`, who is enrolled, follows `person`."""
    return Event(
        kind=Kind.ACTIVITY, id=EventId(number), person=person, network=BLUESKY, account=AccountHash(1),
        direction=Direction.TO, verb=Verb.FOLLOW, object=Object.PROFILE, actor=ActorHash(number), actor_person=by,
        magnitude=1, occurred_ms=at_ms, observed_ms=at_ms, time_quality=TimeQuality.EXACT,
    )  # fmt: skip


def logged(settings: Settings, events: Sequence[Event], tick_ms: int | None = None) -> None:
    """Write `events`, and after them a tick into each partition if there is one."""
    ensure_topics(settings)
    sender = producer(settings)
    topic = settings.topics.activity
    acks = [sender.send(topic, key=each.person.encode(), value=codec.encode(check(each))) for each in events]
    sender.flush()
    if tick_ms is not None:
        value = codec.encode(Event(kind=Kind.CLOCK, observed_ms=tick_ms))
        acks += [
            sender.send(topic, value=value, partition=each) for each in sorted(sender.partitions_for(topic))
        ]
    for ack in acks:
        ack.get(timeout=60)
    sender.close()
