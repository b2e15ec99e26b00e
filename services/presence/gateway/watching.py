"""Who watches whom, and waking them. All of it lives on the event loop of a serving process.

A watcher has no queue of scores: it has a position in the topic, and reads what changed since from the read model
when it is woken. So memory per watcher is bounded, a slow one finds only the newest score of each person, none is
sent twice, and the fold never waits for anybody.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from presence.events.vocabulary import PersonId
from presence.gateway.refusals import Refused, stopping, too_many_watchers
from presence.gateway.scopes import CallerId


class Watcher:
    """One call of WatchScores. `pending` are those of its people who may have changed; None: it watches everybody."""

    def __init__(self, people: frozenset[PersonId]) -> None:
        self.people = people
        self.pending = set(people) if people else None
        self.conflated = 0
        """Changes of its people that came while an earlier one was still pending."""
        self._woken = asyncio.Event()
        self._refusal: Refused | None = None

    def wake(self) -> None:
        self._woken.set()

    def end(self, refusal: Refused) -> None:
        self._refusal = refusal
        self._woken.set()

    async def wait(self, most_s: float) -> None:
        """Return when there may be something new, or after `most_s`. Raises Refused when the gateway stops."""
        try:
            async with asyncio.timeout(most_s):
                await self._woken.wait()
        except TimeoutError:
            return
        if self._refusal is not None:
            raise self._refusal
        self._woken.clear()


class Watchers:
    """All watchers of this process, at most `watchers_max`, and `own_max` of one caller."""

    def __init__(self, watchers_max: int, own_max: int) -> None:
        self._watchers_max = watchers_max
        self._own_max = own_max
        self._own: Counter[CallerId] = Counter()
        self._all: set[Watcher] = set()
        self._of_everybody: set[Watcher] = set()
        self._of_person: defaultdict[PersonId, set[Watcher]] = defaultdict(set)
        self._stopping = False

    @property
    def of_some(self) -> bool:
        """Whether anybody watches particular people."""
        return bool(self._of_person)

    def __len__(self) -> int:
        return len(self._all)

    @contextmanager
    def joined(self, people: frozenset[PersonId], caller: CallerId | None) -> Iterator[Watcher]:
        """A watcher of `people` (of everybody if empty) for the block. Raises Refused if there are too many.

        `caller` None: one whose watches are not counted.
        """
        if self._stopping:
            raise stopping()
        if len(self._all) >= self._watchers_max:
            raise too_many_watchers(self._watchers_max)
        if caller is not None and self._own[caller] >= self._own_max:
            raise too_many_watchers(self._own_max)
        watcher = Watcher(people)
        self._all.add(watcher)
        if not people:
            self._of_everybody.add(watcher)
        for person in people:
            self._of_person[person].add(watcher)
        if caller is not None:
            self._own[caller] += 1
        try:
            yield watcher
        finally:
            self._leave(watcher)
            if caller is not None:
                self._own -= Counter((caller,))  # Who has none left is forgotten.

    def _leave(self, watcher: Watcher) -> None:
        self._all.discard(watcher)
        self._of_everybody.discard(watcher)
        for person in watcher.people:
            self._of_person[person].discard(watcher)
            if not self._of_person[person]:
                del self._of_person[person]

    def publish(self, people: Collection[PersonId]) -> None:
        """Wake those who watch any of `people`, or everybody."""
        for watcher in self._of_everybody:
            watcher.wake()
        if not self._of_person:
            return
        for person in people:
            for watcher in self._of_person.get(person, ()):
                assert watcher.pending is not None
                watcher.conflated += person in watcher.pending
                watcher.pending.add(person)
                watcher.wake()

    def end_all(self) -> None:
        """End every watch with UNAVAILABLE, so that clients resume elsewhere; let no new one in."""
        self._stopping = True
        for watcher in self._all:
            watcher.end(stopping())
