"""What stands behind a score and is not in it: findings about conduct, and the company that counts, as the log has them.

The topic of reasons has of each finding (`person/flag/<ref_id>`) and of each person's company (`person/associates`) the record of
the log that decided it, verbatim. It goes out in one transaction with the score, so that whoever reads both sees both.
"""

from collections.abc import Iterator

import polars as pl

from presence.batch.letters import Letter, Topic
from presence.batch.records import Batch
from presence.events.vocabulary import Kind
from presence.model.fold import Folded
from presence.model.state import State

COMPANY = "associates"


def letters(batch: Batch, before: State, folded: Folded) -> list[Letter]:
    """What `batch` changed of the reasons: the records that won, and for whom it erased, tombstones.

    `before` and `folded` are coded: a person is the position in `batch.people`.
    """
    names = batch.people.to_list()
    found = [
        Letter(Topic.REASONS, _key(names[person], what), batch.told[offset], offset=offset)
        for person, what, offset in _won(batch, folded.state)
    ]
    gone = set(folded.erased.to_list())
    for person in sorted(gone):
        rows = before.flags.filter(pl.col("person") == person)
        found += [
            Letter(Topic.REASONS, _key(names[person], what), b"")
            for what in (*map(_flag, rows.get_column("ref_id")), COMPANY)
        ]
    return found


def _won(batch: Batch, state: State) -> Iterator[tuple[int, str, int]]:
    """Person, which reason, and the offset of the record that decides it since this batch."""
    if not batch.told:
        return
    events = batch.named.with_columns(owner=pl.Series(batch.owner)).filter(
        pl.col("offset").is_in(list(batch.told))
    )
    flags = {
        (person, ref_id): (observed_ms, event)
        for person, ref_id, observed_ms, event in state.flags.select(
            "person", "ref_id", "observed_ms", "id"
        ).iter_rows()
    }
    people = state.people.select("associates_observed_ms", "associates_id").rows()
    for person, kind, ref_id, observed_ms, event, offset in events.select(
        "owner", "kind", "ref_id", "observed_ms", "id", "offset"
    ).iter_rows():
        if kind == Kind.FLAG and flags.get((person, ref_id)) == (observed_ms, event):
            yield person, _flag(ref_id), offset
        elif kind == Kind.ASSOCIATES and people[person] == (observed_ms, event):
            yield person, COMPANY, offset


def _flag(ref_id: int) -> str:
    return f"flag/{ref_id:016x}"


def _key(person: str, what: str) -> bytes:
    return f"{person}/{what}".encode()
