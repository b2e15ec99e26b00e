"""The life of one gateway: its one writer, and the processes that serve what it folds.

The writer draws a session at its start, says in the read model that it has caught up, and rings: one byte through a pipe to
each server, after each transaction. A byte that finds the pipe full may be dropped, since there are others to be read. A
pipe that ends says that the writer is gone.
"""

import os
import secrets
from typing import NewType

Session = NewType("Session", bytes)
_RING = b"."


def new_session() -> Session:
    """8 random bytes."""
    return Session(secrets.token_bytes(8))


class Bell:
    """The writer's end of the pipes. Rung on the fold's thread, while servers come and go on another."""

    def __init__(self) -> None:
        self._pipes: frozenset[int] = frozenset()

    def add(self, pipe: int) -> None:
        """Ring this pipe, too; it is non-blocking."""
        os.set_blocking(pipe, False)
        self._pipes |= {pipe}

    def remove(self, pipe: int) -> None:
        """Ring it no more, and close it: its server sees that as the end."""
        self._pipes -= {pipe}
        os.close(pipe)

    def ring(self) -> None:
        for pipe in self._pipes:
            try:
                os.write(pipe, _RING)
            except (BlockingIOError, BrokenPipeError, OSError):
                # Full: it will look anyway. Broken or closed: it has ended, and whoever watches it sees that.
                continue
