"""A score in JSON: the names and units that programs rely on."""

import json

from google.protobuf.timestamp_pb2 import Timestamp

from presence.cli.score_view import Ranking, in_words
from presence.client.score import Reason, Score, from_message
from presence.events.vocabulary import AccountHash, Network, PersonKind
from presence.v1 import event_pb2, score_pb2

AS_OF = Timestamp()
AS_OF.FromMilliseconds(1_795_500_000_123)
MESSAGE = score_pb2.Score(
    person="p_x",
    kind=event_pb2.PERSON_KIND_BUSINESS,
    model=score_pb2.Model(name="presence-1", hash="00ff"),
    as_of_time=AS_OF,
    presence_millipoints=41_000,
    visibility_millipoints=7,
    pillars=score_pb2.Pillars(reach=1, resonance=2, expertise=3, voice=4, upkeep=5, inbound=6),
    reviews_millipoints=-30,
    associates_millipoints=40,
    conduct_factor_micro=1_000_000,
    evidence_millievents=50,
    confidence_micro=60,
    generosity_micro=70,
    accounts=[score_pb2.AccountShares(network="x", account=2**64 - 1, shares=score_pb2.Pillars(reach=9))],
    waterfall=[
        score_pb2.WaterfallEntry(entry="reach", network="x", account=2**64 - 1, millipoints=41_030),
        score_pb2.WaterfallEntry(entry="reviews", millipoints=-30),
    ],
    stale_networks=["x"],
    events=12,
    revision="r",
    day_change_millipoints=-7,
    week_change_millipoints=0,
)


def test_the_dictionary_holds_every_field_in_its_own_unit() -> None:
    found = json.loads(json.dumps(from_message(MESSAGE).as_dict()))
    pillars = {"reach": 1, "resonance": 2, "expertise": 3, "voice": 4, "upkeep": 5, "inbound": 6}
    assert found == {
        "person": "p_x",
        "kind": "business",
        "presence": 41_000,
        "visibility": 7,
        "pillars": pillars,
        "reviews": -30,
        "associates": 40,
        "factor": 1_000_000,
        "evidence": 50,
        "confidence": 60,
        "generosity": 70,
        "events": 12,
        "as_of_ms": 1_795_500_000_123,
        "model": "presence-1",
        "model_hash": "00ff",
        "revision": "r",
        "day_change": -7,
        "week_change": 0,
        "month_change": None,
        "waterfall": [
            {"entry": "reach", "network": "x", "account": "f" * 16, "millipoints": 41_030},
            {"entry": "reviews", "network": "", "account": "", "millipoints": -30},
        ],
        "accounts": [
            {"network": "x", "account": "f" * 16, "shares": dict.fromkeys(pillars, 0) | {"reach": 9}}
        ],
        "stale_networks": ["x"],
    }


def test_a_kind_of_a_newer_gateway_reads_as_unspecified() -> None:
    newer = score_pb2.Score.FromString(MESSAGE.SerializeToString() + b"\x10\x63")
    assert from_message(newer).kind == PersonKind.UNSPECIFIED


def test_a_reason_is_said_in_words_even_if_it_is_new() -> None:
    words = [
        in_words(Reason(entry=entry, network=Network(network), account=AccountHash(0), millipoints=1))
        for entry, network in (("reach", "x"), ("conduct", ""), ("luck", ""))
    ]
    assert words == ["how many follow, on x", "open findings about conduct", "luck"]


def test_a_ranking_is_by_presence_and_keeps_the_newest() -> None:
    def score(person: str, presence: int) -> Score:
        return from_message(score_pb2.Score(person=person, presence_millipoints=presence))

    ranking = Ranking()
    ranking.update([score("a", 1), score("b", 2), score("c", 2)])
    ranking.update([score("a", 3)])
    assert [found.person for found in ranking.best(2)] == ["a", "b"]
