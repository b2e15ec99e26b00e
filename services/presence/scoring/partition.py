"""One partition of the activity log: apply batches, tell what is to be published. No Kafka in here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from presence.events.vocabulary import NOBODY
from presence.model.evaluate import evaluate
from presence.model.fold import fold
from presence.model.spec import Model
from presence.scoring import batch, translate
from presence.scoring.batch import Record
from presence.scoring.store import Store

PEOPLE_MAX = 5_000
"""Scores in one publication: bounds its memory and how long the fold waits for it."""


@dataclass(frozen=True, slots=True)
class Publication:
    """Scores that are due: `None` in place of a score is a tombstone."""

    revisions: Mapping[str, int]
    scores: Sequence[tuple[str, bytes | None]]


class Partition:
    """Folds one partition into its store and evaluates who changed."""

    def __init__(self, number: int, store: Store, model: Model) -> None:
        self.number = number
        self.store = store
        self._model = model

    def apply(self, records: Sequence[Record]) -> int:
        """Apply `records` in log order; those before the store's offset have been applied already.

        Returns how many were new. All of them count once and for ever when this returns, or none.
        """
        fresh = [record for record in records if record.offset >= self.store.offset]
        if not fresh:
            return 0
        read = batch.read(fresh)
        state = self.store.load(list(read.last_offsets), _ids(read.events))
        self.store.save(fold(state, read.events, self._model), read)
        return len(fresh)

    def due(self) -> Publication:
        """The scores of up to PEOPLE_MAX unpublished people, as of the store's offset."""
        revisions = self.store.unpublished(PEOPLE_MAX)
        scores = evaluate(self.store.load(list(revisions)), self._model)
        values = dict(translate.messages(scores, self._model, self.number, revisions))
        return Publication(revisions, [(person, values.get(person)) for person in revisions])


def _ids(events: pl.DataFrame) -> pl.DataFrame:
    """The (person, id) pairs whose ledger entries the fold may ask for."""
    named = events.filter(pl.col("person") != NOBODY)
    return pl.concat(
        [named.select("person", "id"), named.select("person", pl.col("ref_id").alias("id"))]
    ).unique()
