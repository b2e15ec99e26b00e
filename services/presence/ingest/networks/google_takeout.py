"""Reviews in a Google Takeout: those that a business has, and those that a person has written.

A business's stand in `Google Business Profile/account-*/location-*/reviews.json` and further `reviews-*.json`; a person's in the folder
of Maps, as a GeoJSON file whose name is in the language of the account.
"""

from collections.abc import Iterator
from typing import BinaryIO

from presence.ingest.acts import Decoded
from presence.ingest.exports.elements import elements
from presence.ingest.exports.export import Export, Item, Part
from presence.ingest.frames import Frame
from presence.ingest.networks import google

_OF_MAPS, _OF_BUSINESS = "features", "reviews"
_NAMES = (
    "reviews*.json",
    "Maps*/*.json",
    *(
        f"{word}.json"
        for word in (
            "Reseñas", "Rezensionen", "Bewertungen", "Avis", "Recensioni", "Avaliações", "Críticas", "Recensies",
            "Recensioner", "Anmeldelser", "Omtaler", "Arvostelut", "Opinie", "Recenze", "Yorumlar", "Отзывы", "Відгуки",
            "クチコミ", "リビュー", "리뷰", "评价", "评论", "評論", "รีวิว",
        )
    ),
)  # fmt: skip
"""The folder of Maps has a name in the account's language too, in some of them one of another beginning."""


def items(export: Export) -> Iterator[Item]:
    """Every review, and every saved place that stands among the places of Maps."""
    patterns = _NAMES if len(export.parts) > 1 else ("*.json",)

    def read(part: Part, file: BinaryIO) -> Iterator[Item]:
        return elements(file, part.base)

    yield from export.items(export.select(*patterns), read)


def decode(frame: Frame, account: str, observed_ms: int) -> Decoded:
    """What one element says; see google.decode and google.decode_written."""
    _, _, member = frame.kind.partition("/")
    if member == _OF_MAPS or (not member and b'"properties"' in frame.data):
        if account.startswith("locations/"):
            return Decoded(skipped="of_a_person")
        return google.decode_written(frame.data, account, observed_ms)
    if member in {_OF_BUSINESS, ""}:
        return google.decode(frame.data, account, observed_ms)
    return Decoded(skipped="unscored")
