"""Whom the roster forgot: their key is gone, and what is written of them goes too."""

from collections.abc import Iterable
from typing import Any

from presence.log.kafka import read_to_end
from presence.log.settings import Settings


def tombstones(records: Iterable[Any]) -> set[str]:
    """Whom tombstones among `records` of the roster name."""
    return {record.key.decode() for record in records if record.value is None}


def all_tombstones(settings: Settings) -> set[str]:
    """Whom the roster forgot, as long as Kafka keeps its tombstones. Raises SourceUnavailable."""
    return tombstones(read_to_end(settings, settings.topics.roster))
