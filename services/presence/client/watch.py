"""A watch that goes on by itself: when the gateway stops or the network breaks, it calls again with its token."""

import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import grpc

from presence.client.errors import Unavailable, from_rpc
from presence.client.score import Score, from_message
from presence.events.errors import PresenceError

BACKOFF_S_MIN = 0.1
BACKOFF_S_MAX = 5.0
ATTEMPTS_MAX = 20
"""In a row without a message: about a minute."""
FIRST_ATTEMPTS_MAX = 5
"""As long as there was no message at all: about two seconds, since the address may simply be wrong."""


@dataclass(frozen=True, slots=True)
class Update:
    """Changed scores, at most one per person. Pass `resume_token` to a later watch to go on from here."""

    scores: tuple[Score, ...]
    resume_token: str
    caught_up: bool
    """From the first update that has brought this call up to date."""


class Watch(Iterator[Update]):
    """Iterate over it; close it, from any thread, to end the iteration.

    Raises an error of `presence.client.errors`: Unavailable only after several calls in vain.
    """

    def __init__(self, call: Callable[[str], Any], address: str, resume_token: str) -> None:
        """`call` begins WatchScores at a token, and returns the stream."""
        self._call = call
        self._address = address
        self.resume_token = resume_token
        self._attempts = 0
        self._attempts_max = FIRST_ATTEMPTS_MAX
        self._closed = threading.Event()
        self._stream: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the watch."""
        self._closed.set()
        if self._stream is not None:
            self._stream.cancel()

    def __next__(self) -> Update:
        while not self._closed.is_set():
            try:
                if self._stream is None:
                    self._stream = self._call(self.resume_token)
                    continue  # A close that came before the stream was there is seen now.
                message = next(self._stream)
            except (grpc.RpcError, StopIteration) as error:
                self._stream = None
                if not self._closed.is_set():
                    self._back_off(self._meaning(error))
            else:
                self._attempts, self._attempts_max = 0, ATTEMPTS_MAX
                self.resume_token = message.resume_token
                return Update(
                    tuple(map(from_message, message.scores)), message.resume_token, message.caught_up
                )
        raise StopIteration

    def _meaning(self, error: grpc.RpcError | StopIteration) -> PresenceError:
        if isinstance(error, StopIteration):  # A gateway ends no watch with OK; something between may.
            return Unavailable(f"the gateway at {self._address} ended the watch")
        return from_rpc(error, self._address)

    def _back_off(self, error: PresenceError) -> None:
        self._attempts += 1
        if not isinstance(error, Unavailable) or self._attempts >= self._attempts_max:
            raise error
        pause_s = min(BACKOFF_S_MAX, BACKOFF_S_MIN * 2 ** (self._attempts - 1))
        # Spread out, so that all watchers of a gateway do not come back at the same instant.
        self._closed.wait(pause_s * random.uniform(0.5, 1.0))  # noqa: S311 (no secret)
