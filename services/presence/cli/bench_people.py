"""Made-up people with scores of the size and look of real ones, for measurements of the gateway."""

from collections.abc import Iterator

from google.protobuf.timestamp_pb2 import Timestamp

from presence.log.revision import Revision, encode
from presence.v1.event_pb2 import PERSON_KIND_BUSINESS, PERSON_KIND_PERSON
from presence.v1.score_pb2 import AccountShares, Model, Pillars, Score, WaterfallEntry

_DIGITS = "abcdefghijklmnopqrstuvwxyz234567"
_NETWORKS = ("bluesky", "linkedin")
_PILLARS = ("reach", "resonance", "expertise", "voice", "upkeep", "inbound")


def person(number: int) -> str:
    """The id of a person; numbers near each other have ids far apart, as ids drawn at random have."""
    scattered = number * 2_654_435_761 % 2**32
    tail = "".join(_DIGITS[scattered >> 5 * place & 31] for place in range(7))
    return "p_" + tail + "a" * 19


def score(number: int, revision: int) -> bytes:
    """A serialised score of some 600 bytes; with the revision, its figures change."""
    mixed = (number * 7_919 + revision * 104_729) % 1_000_003
    return Score(
        person=person(number),
        kind=PERSON_KIND_BUSINESS if number % 10 == 0 else PERSON_KIND_PERSON,
        model=Model(name="presence-1", hash="0" * 16),
        as_of_time=Timestamp(seconds=1_795_500_000 + revision),
        presence_millipoints=mixed % 100_001,
        visibility_millipoints=mixed % 77_777,
        pillars=_pillars(mixed),
        conduct_factor_micro=1_000_000,
        evidence_millievents=mixed,
        confidence_micro=mixed % 1_000_001,
        accounts=[
            AccountShares(network=network, account=number + 1, shares=_pillars(mixed + 1))
            for network in _NETWORKS
        ],
        waterfall=[
            WaterfallEntry(entry=entry, network=network, account=number + 1, millipoints=mixed % 9_973)
            for entry in _PILLARS
            for network in _NETWORKS
        ],
        events=revision,
        revision=encode(Revision(0, revision)),
    ).SerializeToString()


def scores(people: int, revision: int) -> Iterator[tuple[str, bytes]]:
    """Everybody's id and score."""
    for number in range(people):
        yield person(number), score(number, revision)


def _pillars(mixed: int) -> Pillars:
    return Pillars(**{name: (mixed * (place + 3)) % 1_000_001 for place, name in enumerate(_PILLARS)})
