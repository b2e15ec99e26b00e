"""Where a source had come to, on disk, and which part of the log must be read again after a crash."""

import hashlib
import hmac
from collections import deque
from collections.abc import Callable, Collection
from pathlib import Path
from secrets import token_bytes

import lmdb
import msgspec

from presence.events.errors import InvariantBroken
from presence.events.vocabulary import AccountHash

MAP_BYTES_MAX = 64 * 2**20
TRAIL_MAX = 64
_SECRET, _ACCOUNTS = b"\0secret", b"\0accounts"

Offsets = dict[str, dict[int, int]]
"""Topic: partition: offset."""


class Checkpoint(msgspec.Struct, frozen=True):
    """Every frame up to `position` is acknowledged, and its records stand before `offsets`."""

    position: int | None
    offsets: Offsets


class Trail:
    """The checkpoints of the last `overlap` positions.

    A restart begins that much earlier, so it must know the log from further back than the newest checkpoint.
    """

    def __init__(self, first: Checkpoint, overlap: int) -> None:
        self._overlap = overlap
        self._points: deque[Checkpoint] = deque([first])

    def extend(self, point: Checkpoint) -> Checkpoint:
        """What to save now: the newest position, and offsets from before all that a restart would see again."""
        assert point.position is not None
        keep_before = point.position - self._overlap
        newest = self._points[-1].position
        if newest is None or point.position - newest > self._overlap // (TRAIL_MAX // 2) or not self._overlap:
            self._points.append(point)
        while len(self._points) > 1 and self._is_before(self._points[1], keep_before):
            self._points.popleft()
        assert len(self._points) <= TRAIL_MAX
        return Checkpoint(point.position, self._points[0].offsets)

    def _is_before(self, point: Checkpoint, position: int) -> bool:
        assert point.position is not None
        return point.position < position if self._overlap else point.position <= position


class CursorStore:
    """Checkpoints by name. A saved one survives a crash of the machine."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._lmdb = lmdb.open(str(folder), map_size=MAP_BYTES_MAX)

    def load(self, name: str) -> Checkpoint | None:
        """What was saved under `name`. Raises InvariantBroken if it cannot be read."""
        with self._lmdb.begin() as transaction:
            value = transaction.get(self._key(name))
        try:
            return None if value is None else msgspec.json.decode(value, type=Checkpoint)
        except msgspec.DecodeError as error:
            raise InvariantBroken("the saved cursor cannot be read") from error

    def save(self, name: str, checkpoint: Checkpoint) -> None:
        with self._lmdb.begin(write=True) as transaction:
            transaction.put(self._key(name), msgspec.json.encode(checkpoint))

    def forget(self, name: str) -> None:
        with self._lmdb.begin(write=True) as transaction:
            transaction.delete(self._key(name))

    def forget_where(self, is_gone: Callable[[str], bool]) -> int:
        """Forget what was saved under the names that are gone; how many they are."""
        with self._lmdb.begin(write=True) as transaction:
            gone = [bytes(key) for key, _ in transaction.cursor() if is_gone(bytes(key).decode())]
            for key in gone:
                transaction.delete(key)
        return len(gone)

    def close(self) -> None:
        self._lmdb.close()

    def _key(self, name: str) -> bytes:
        return name.encode()


class Places(CursorStore):
    """Checkpoints of single accounts. Names stand in it as hashes under a secret of its own, since they tell who it is."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        with self._lmdb.begin() as transaction:
            secret = transaction.get(_SECRET)
        if secret is None:
            self._begin(())
        else:
            self._mac = hmac.new(secret, digestmod=hashlib.sha256)

    def keep_to(self, accounts: Collection[AccountHash]) -> None:
        """Forget every place if one of the accounts of the last call is gone: which of them is whose cannot be told."""
        with self._lmdb.begin() as transaction:
            known = transaction.get(_ACCOUNTS, b"[]")
        if set(msgspec.json.decode(known, type=list[int])) <= set(accounts):
            with self._lmdb.begin(write=True) as transaction:
                transaction.put(_ACCOUNTS, msgspec.json.encode(sorted(accounts)))
        else:
            self._begin(accounts)

    def _begin(self, accounts: Collection[AccountHash]) -> None:
        """Be empty, with another secret."""
        secret = token_bytes(32)
        with self._lmdb.begin(write=True) as transaction:
            for key in [bytes(key) for key, _ in transaction.cursor()]:
                transaction.delete(key)
            transaction.put(_SECRET, secret)
            transaction.put(_ACCOUNTS, msgspec.json.encode(sorted(accounts)))
        self._mac = hmac.new(secret, digestmod=hashlib.sha256)

    def _key(self, name: str) -> bytes:
        mac = self._mac.copy()
        mac.update(name.encode())
        return mac.digest()[:16]
