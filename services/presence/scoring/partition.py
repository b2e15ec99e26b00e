"""One partition of the activity log: apply batches, tell what is to be published. No Kafka in here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from presence.batch import closing
from presence.batch.closing import Closed
from presence.batch.letters import Letter
from presence.batch.records import Record, read
from presence.batch.translate import Translator
from presence.log.metrics import Step
from presence.log.topics import DAY_MS
from presence.model.evaluate import Scores, evaluate
from presence.model.fold import fold_coded
from presence.model.spec import Model
from presence.scoring import reasons
from presence.scoring.meter import timed
from presence.scoring.states import Loaded
from presence.scoring.store import Store

PEOPLE_MAX = 50_000
"""Scores in one publication: bounds its memory and how long the fold waits for it."""
SWEEP_PEOPLE_MAX = 5_000
"""Whom a new day reaches between two publications: what is live goes on meanwhile."""
LETTERS_MAX = 20_000


@dataclass(frozen=True, slots=True)
class Publication:
    """Scores that are due: `None` in place of a score is a tombstone. And letters to other topics.

    changes: of each person the number of their last change; numbers: of the letters. Both are for
    `Partition.published`.
    """

    changes: Mapping[str, int]
    scores: Sequence[tuple[str, bytes | None]]
    letters: Sequence[Letter]
    numbers: Sequence[bytes]

    def __bool__(self) -> bool:
        return bool(self.scores or self.letters)


class Gap(Exception):
    """Records were passed over: `offset` is the first of them."""

    def __init__(self, offset: int) -> None:
        super().__init__(offset)
        self.offset = offset


class Partition:
    """Folds one partition into its store and evaluates who changed. A store keeps to the model that it began with."""

    def __init__(self, number: int, store: Store, model: Model) -> None:
        self.number = number
        self.store = store
        self._model = model
        store.keep_to(model)
        self._translator = Translator(model, number)

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
        with timed(Step.DECODE):
            batch = read(fresh)
        for part in batch.days(self.store.meta.clock_ms):
            while part.ends_day and self.store.sweeping:
                self._sweep(PEOPLE_MAX)  # The day before ends for everybody before the next one does.
            with timed(Step.LOAD):
                opened = self.store.open_batch(part)
            made = self._closings(opened.loaded)
            with timed(Step.FOLD):
                folded = fold_coded(opened.state, opened.events, len(opened.loaded.people), self._model)
            with timed(Step.COMMIT):
                self.store.save(opened, folded, part, made, reasons.letters(part, opened.state, folded))
        return len(fresh)

    def due(self) -> Publication:
        """The scores of up to PEOPLE_MAX unpublished people, as of the store's offset, and letters."""
        if self.store.sweeping:
            self._sweep(SWEEP_PEOPLE_MAX)
        due = self.store.due(PEOPLE_MAX, LETTERS_MAX)
        people = due.loaded.people
        with timed(Step.EVALUATE):
            scores = evaluate(due.state, self._model)
        whose, presence = _presence(scores)
        today = scores.people.get_column("as_of_ms").to_numpy() // DAY_MS
        since = closing.changes(due.loaded.packed, whose, presence, today)
        values = self._translator.messages(scores, people, due.offsets, since)
        named = zip(people.gather(whose).to_list(), values, strict=True)
        found: dict[str, bytes | None] = dict.fromkeys(people.to_list(), None) | dict(named)
        return Publication(
            due.changes, list(found.items()), [each for _, each in due.letters], [at for at, _ in due.letters]
        )

    def published(self, publication: Publication) -> None:
        """Remember that `publication` is out."""
        self.store.published(publication.changes, publication.numbers)

    def _sweep(self, people_max: int) -> None:
        """Let the new day reach the next people."""
        loaded = self.store.unswept(people_max)
        self.store.swept(loaded, self._closings(loaded))

    def _closings(self, loaded: Loaded) -> Closed | None:
        """The closing scores of those whose last day has not been closed; None if there are none."""
        day = self.store.meta.day
        if day is None:
            return None
        chosen = closing.still_open(loaded.packed, loaded.known, day)
        if not chosen.any():
            return None
        scores = evaluate(self.store.state_at(loaded, chosen, day), self._model)
        whose, presence = _presence(scores)
        today = np.full(len(whose), day.day)
        since = closing.changes(loaded.packed.only(chosen), whose, presence, today)
        people = loaded.people.filter(pl.Series(chosen))
        values = self._translator.messages(scores, people, np.full(len(people), day.offset), since)
        return Closed(day, np.flatnonzero(chosen)[whose], presence, values)


def _presence(scores: Scores) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """Whose scores they are, and the score itself."""
    position = scores.people.get_column("person").to_numpy().astype(np.intp)
    return position, scores.people.get_column("presence").to_numpy()
