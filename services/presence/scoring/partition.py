"""One partition of the activity log: apply batches, tell what is to be published. No Kafka in here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from presence.model.evaluate import evaluate
from presence.model.fold import fold_coded
from presence.model.spec import Model
from presence.scoring import batch, translate
from presence.scoring.batch import Record
from presence.scoring.dead import DeadLetter
from presence.scoring.store import Store

PEOPLE_MAX = 50_000
"""Scores in one publication: bounds its memory and how long the fold waits for it."""


@dataclass(frozen=True, slots=True)
class Publication:
    """Scores that are due: `None` in place of a score is a tombstone. And dead letters to be reported.

    changes: of each person the number of their last change, for `Store.published`.
    """

    changes: Mapping[str, int]
    scores: Sequence[tuple[str, bytes | None]]
    dead: Sequence[DeadLetter]

    def __bool__(self) -> bool:
        return bool(self.scores or self.dead)


class Gap(Exception):
    """Records were passed over: `offset` is the first of them."""

    def __init__(self, offset: int) -> None:
        super().__init__(offset)
        self.offset = offset


class Partition:
    """Folds one partition into its store and evaluates who changed."""

    def __init__(self, number: int, store: Store, model: Model) -> None:
        self.number = number
        self.store = store
        self._model = model

    def apply(self, records: Sequence[Record], *, after_gap: bool = False) -> int:
        """Apply `records` in log order; those before the store's offset have been applied already.

        Returns how many were new. All of them count once and for ever when this returns, or none. Raises Gap
        where records are missing before the first, unless the caller knows that the log has none there.
        """
        fresh = [record for record in records if record.offset >= self.store.offset]
        if not fresh:
            return 0
        if fresh[0].offset > self.store.offset and not after_gap:
            raise Gap(self.store.offset)
        read = batch.read(fresh)
        opened = self.store.open_batch(read)
        folded = fold_coded(opened.state, opened.events, len(opened.loaded.people), self._model)
        self.store.save(opened, folded, read)
        return len(fresh)

    def due(self) -> Publication:
        """The scores of up to PEOPLE_MAX unpublished people, as of the store's offset."""
        due = self.store.due(PEOPLE_MAX)
        values = translate.messages(
            evaluate(due.state, self._model), self._model, self.number, due.people, due.offsets
        )
        scores = dict.fromkeys(due.people.to_list(), None) | values
        return Publication(due.changes, list(scores.items()), self.store.dead_letters())

    def published(self, publication: Publication) -> None:
        """Remember that `publication` is out."""
        self.store.published(publication.changes, publication.dead)
