"""What the workers left on disk, compared with the state that the model makes of the whole log."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from presence.chaos.verdict import Truth
from presence.events.errors import InvariantBroken
from presence.scoring.ownership import claim


def differing(data: Path, truths: Mapping[int, Truth]) -> list[str]:
    """Of each partition whose store is not the state of its log, what differs. No worker may run any more."""
    return [
        f"partition {number}: {what}"
        for number, truth in truths.items()
        for what in _differs(data, number, truth)
    ]


def _differs(data: Path, number: int, truth: Truth) -> Iterator[str]:
    try:
        store = claim(data / "scoring" / f"partition-{number}")
    except InvariantBroken as error:
        yield str(error)
        return
    try:
        wanted = truth.state
        people = wanted.people["person"].to_list()
        found = store.load(people, wanted.ledger.select("person", "id"))
        if store.offset != truth.end:
            yield f"offset {store.offset}, the log ends at {truth.end}"
        for table in ("people", "counts", "gauges", "flags", "ledger"):
            if not getattr(found, table).equals(getattr(wanted, table)):
                yield table
        if (found.clock_ms, dict(found.watermarks)) != (wanted.clock_ms, dict(wanted.watermarks)):
            yield "clock or watermarks"
    finally:
        store.close()
