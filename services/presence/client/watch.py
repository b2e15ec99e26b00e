"""A watch that goes on by itself: when the gateway stops or the network breaks, it calls again with its token."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import grpc

from presence.client import retries
from presence.client.errors import Unavailable, from_rpc
from presence.client.score import Score, from_message
from presence.events.vocabulary import PersonId

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
    erased: tuple[PersonId, ...] = ()
    """Who has no score any more."""
    conflated: int = 0
    """Changes that were passed over for newer ones, since we read more slowly than they come."""


class Progress:
    """How far a watch is, and how often it has called in vain. It neither calls nor waits."""

    def __init__(self, address: str, resume_token: str) -> None:
        self.resume_token = resume_token
        self._address = address
        self._attempts = 0
        self._attempts_max = FIRST_ATTEMPTS_MAX

    def received(self, message: Any) -> Update:
        """What a message says."""
        self._attempts, self._attempts_max = 0, ATTEMPTS_MAX
        self.resume_token = message.resume_token
        scores = tuple(map(from_message, message.scores))
        erased = tuple(map(PersonId, message.erased))
        return Update(scores, message.resume_token, message.caught_up, erased, message.conflated)

    def failed(self, error: grpc.RpcError | None) -> float:
        """How long to wait before the next call; None: the stream ended without an error, as no gateway ends it.

        Raises an error of `presence.client.errors` if another call makes no sense.
        """
        self._attempts += 1
        meaning = (
            Unavailable(f"the gateway at {self._address} ended the watch")
            if error is None or _is_cut(error)
            else from_rpc(error, self._address)
        )
        return retries.pause_s(meaning, self._attempts, attempts_max=self._attempts_max)


def _is_cut(error: Any) -> bool:
    """Whether the far side gave the call up: a gateway that must end at once says CANCELLED of what is under way."""
    return bool(error.code() is grpc.StatusCode.CANCELLED)


class Watch(Iterator[Update]):
    """Iterate over it; close it, from any thread, to end the iteration.

    Raises an error of `presence.client.errors`: Unavailable only after several calls in vain.
    """

    def __init__(self, call: Callable[[str], Any], address: str, resume_token: str) -> None:
        """`call` begins WatchScores at a token, and returns the stream."""
        self._call = call
        self._progress = Progress(address, resume_token)
        self._closed = threading.Event()
        self._stream: Any = None

    @property
    def resume_token(self) -> str:
        """Where another watch would go on."""
        return self._progress.resume_token

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
                return self._progress.received(next(self._stream))
            except ValueError:  # The client was closed, and its watches with it.
                break
            except (grpc.RpcError, StopIteration) as error:
                self._stream = None
                if not self._closed.is_set():
                    failure = error if isinstance(error, grpc.RpcError) else None
                    self._closed.wait(self._progress.failed(failure))
        raise StopIteration
