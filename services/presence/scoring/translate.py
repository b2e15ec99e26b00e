"""From the model's score frames to the messages of the scores topic."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from presence.log.revision import Revision, encode
from presence.model.evaluate import Scores
from presence.model.spec import Model
from presence.v1 import event_pb2, score_pb2

PILLARS = ("reach", "resonance", "expertise", "voice", "upkeep", "inbound")


def messages(
    scores: Scores, model: Model, partition: int, offsets: Mapping[str, int]
) -> Iterator[tuple[str, bytes]]:
    """Each person and the serialised `Score`, deterministic, at the revision of `offsets`."""
    accounts = _grouped(scores.accounts.iter_rows(named=True))
    waterfall = _grouped(scores.waterfall.iter_rows(named=True))
    made_by = score_pb2.Model(name=model.name, hash=model.hash)
    for row in scores.people.iter_rows(named=True):
        person = row["person"]
        message = score_pb2.Score(
            person=person,
            kind=event_pb2.PersonKind.ValueType(row["kind"]),
            model=made_by,
            as_of_time=_timestamp(row["as_of_ms"]),
            presence_millipoints=row["presence"],
            visibility_millipoints=row["visibility"],
            pillars=_pillars(row),
            reviews_millipoints=row["reviews"],
            associates_millipoints=row["associates"],
            conduct_factor_micro=row["factor"],
            evidence_millievents=row["evidence"],
            confidence_micro=row["confidence"],
            generosity_micro=row["generosity"],
            accounts=[
                score_pb2.AccountShares(
                    network=each["network"], account=each["account"], shares=_pillars(each)
                )
                for each in accounts[person]
            ],
            waterfall=[
                score_pb2.WaterfallEntry(
                    entry=each["entry"],
                    network=each["network"],
                    account=each["account"],
                    millipoints=each["millipoints"],
                )
                for each in waterfall[person]
            ],
            stale_networks=row["stale"],
            events=row["events"],
            revision=encode(Revision(partition, offsets[person])),
        )
        yield person, message.SerializeToString(deterministic=True)


def _grouped(rows: Iterator[dict[str, Any]]) -> defaultdict[str, list[dict[str, Any]]]:
    groups: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        groups[row["person"]].append(row)
    return groups


def _pillars(row: Mapping[str, int]) -> score_pb2.Pillars:
    return score_pb2.Pillars(**{name: row[name] for name in PILLARS})


def _timestamp(ms: int) -> Timestamp:
    return Timestamp(seconds=ms // 1000, nanos=ms % 1000 * 1_000_000)
