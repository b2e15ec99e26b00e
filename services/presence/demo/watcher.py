"""A gRPC client in a thread that keeps what it is told, and when."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from presence.client import Client, Score, Watch
from presence.demo.latency import Arrivals
from presence.events.errors import PresenceError
from presence.events.vocabulary import PersonId
from presence.log.clock import now_ms
from presence.log.revision import decode


class Watcher:
    """Watches everybody's scores."""

    def __init__(self) -> None:
        self._newest: dict[PersonId, Score] = {}
        self._failure: PresenceError | None = None
        self.arrivals = Arrivals()

    @contextmanager
    def watching(self, gateway: str) -> Iterator[None]:
        """Watch in the background for as long as the context lasts."""
        with Client(gateway) as client, client.watch() as watch:
            thread = threading.Thread(target=self._follow, args=(watch,), name="watcher", daemon=True)
            thread.start()
            yield
            watch.close()
            thread.join()

    def scores(self) -> list[Score]:
        """The newest score of everybody, best first. Raises what ended the watch, if anything did."""
        if self._failure is not None:
            raise self._failure
        return sorted(self._newest.copy().values(), key=lambda score: (-score.presence, score.person))

    def _follow(self, watch: Watch) -> None:
        try:
            for update in watch:
                received_ms = now_ms()
                for score in update.scores:
                    self.arrivals.note(score.person, decode(score.revision).offset, received_ms)
                    self._newest[score.person] = score
        except PresenceError as error:
            self._failure = error
