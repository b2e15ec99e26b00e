"""A file of credentials that is read again when it changes, so that a key can be taken back without a restart."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

import structlog

from presence.events.errors import CallerError

LOOK_S = 0.5
"""How long a change may go unseen."""
FILE_BYTES_MAX = 16 * 2**20

log = structlog.get_logger(__name__)

T = TypeVar("T")


class Reloaded(Generic[T]):
    """What `parse` makes of the newest content of `path` that it could read."""

    def __init__(self, path: Path, parse: Callable[[bytes], T]) -> None:
        """Raises CallerError if the file cannot be read, as `parse` does for a content that is wrong."""
        self._path = path
        self._parse = parse
        self._stamp = self._look()
        self._value = self._read()
        self._looked_s = time.monotonic()

    def value(self) -> T:
        """A file that has become unreadable changes nothing, and is logged: who may call stays as it was."""
        now_s = time.monotonic()
        if now_s - self._looked_s >= LOOK_S:
            self._looked_s = now_s
            try:
                if (stamp := self._look()) != self._stamp:
                    self._stamp = stamp
                    self._value = self._read()
                    log.info("reloaded", file=str(self._path))
            except CallerError as error:
                log.error("not_reloaded", file=str(self._path), error=str(error))  # noqa: TRY400 (the reason says it)
        return self._value

    def want(self) -> None:
        """Something was not in it: it is looked at soon enough anyway."""

    def _look(self) -> tuple[int, int, int]:
        try:
            found = os.stat(self._path)  # noqa: PTH116 (once per half second; a str is all it needs)
        except OSError as error:
            raise CallerError(f"{self._path}: {error.strerror}") from error
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _read(self) -> T:
        try:
            content = self._path.read_bytes()
        except OSError as error:
            raise CallerError(f"{self._path}: {error.strerror}") from error
        if len(content) > FILE_BYTES_MAX:
            raise CallerError(f"{self._path} has more than {FILE_BYTES_MAX} bytes")
        try:
            return self._parse(content)
        except CallerError as error:
            raise CallerError(f"{self._path}: {error}") from error
