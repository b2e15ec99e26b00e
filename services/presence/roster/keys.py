"""The master key that seals every person's data key, and what a data key does: pseudonyms and sealing.

All pseudonyms are HMAC-SHA-256, keyed by the person's own random key, cut to 64 bits: who has only the log cannot
guess them from public handles, and when the key is gone nobody can. Sealing is AES-256-GCM.
"""

import base64
import binascii
import hashlib
import hmac
import os
import secrets
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from presence.events.errors import CallerError, InvariantBroken
from presence.events.vocabulary import AccountHash, ActorHash, EventId, PersonId
from presence.log.settings import Settings

KEY_BYTES = 32
NONCE_BYTES = 12
_BLOCK_BYTES = 64
"""Of SHA-256."""


class DataKey:
    """One person's key. `network` is a short code, `native` the network's own id of an act or account."""

    __slots__ = ("_cipher", "_inner", "_outer", "secret")

    def __init__(self, secret: bytes) -> None:
        assert len(secret) == KEY_BYTES
        self.secret = secret
        # Made at first use: together they take 3 kB, and most people of a large roster are quiet.
        self._inner: Any = None
        self._outer: Any = None
        self._cipher: AESGCM | None = None

    @classmethod
    def new(cls) -> "DataKey":
        """A random key."""
        return cls(secrets.token_bytes(KEY_BYTES))

    def event_id(self, network: str, native: str) -> EventId:
        """The id of an act: the same for the same act, whenever and however it is met."""
        return EventId(self._hash(f"{network}:{native}"))

    def account_hash(self, network: str, native: str, linked_ms: int) -> AccountHash:
        """The pseudonym of one of the person's own accounts, as linked at that time: another each time."""
        return AccountHash(self._hash(f"account:{network}:{native}@{linked_ms}"))

    def proof_code(self, network: str, native: str) -> str:
        """What the account has to show to be the person's: 26 characters of [a-z2-7]. Nothing of it is stored."""
        digest = hmac.digest(self.secret, f"proof:{network}:{native}".encode(), hashlib.sha256)
        return base64.b32encode(digest[:16]).decode().rstrip("=").lower()

    def actor_hash(self, network: str, native: str) -> ActorHash:
        """The pseudonym of somebody else's account, as seen by this person; never 0."""
        return ActorHash(self._hash(f"actor:{network}:{native}") or 1)

    def seal(self, person: PersonId, text: str) -> bytes:
        """A nonce of 12 bytes, the ciphertext, a tag of 16 bytes; bound to the person's id."""
        return _seal(self._aead(), text.encode(), person.encode())

    def open(self, person: PersonId, sealed: bytes) -> str:
        """What `seal` was given. Raises InvariantBroken if it is not ours or was changed."""
        return _open(self._aead(), sealed, person.encode()).decode()

    def _aead(self) -> AESGCM:
        if self._cipher is None:
            self._cipher = AESGCM(self.secret)
        return self._cipher

    def _hash(self, text: str) -> int:
        """HMAC-SHA-256 as RFC 2104 puts it together: the two halves that know the key are made once, which `hmac` cannot."""
        if self._inner is None:
            block = self.secret.ljust(_BLOCK_BYTES, b"\0")
            self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block))
            self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in block))
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(text.encode())
        outer.update(inner.digest())
        return int.from_bytes(outer.digest()[:8], "big")


class MasterKey:
    """Seals data keys. Whoever has it and the roster can read whose log is whose."""

    def __init__(self, secret: bytes) -> None:
        """Raises CallerError if `secret` is not 32 bytes."""
        if len(secret) != KEY_BYTES:
            raise CallerError(f"the master key has {len(secret)} bytes, not {KEY_BYTES}")
        self._cipher = AESGCM(secret)
        self.id = int.from_bytes(hashlib.sha256(secret).digest()[:8], "big")

    @classmethod
    def load(cls, settings: Settings) -> "MasterKey":
        """PRESENCE_MASTER_KEY, or the file `master.key` in the data folder, which is made if it is missing.

        Raises CallerError if it is not 32 bytes in base64, or the file cannot be read or made.
        """
        path = settings.data / "master.key"
        try:
            text = settings.master_key.encode() or _from_file(path)
            return cls(base64.b64decode(text, validate=True))
        except binascii.Error as error:
            raise CallerError("the master key is not base64") from error
        except OSError as error:
            raise CallerError(f"the master key's file cannot be read or made: {error}") from error

    @classmethod
    def existing(cls, settings: Settings) -> "MasterKey | None":
        """As `load`, but None where there is none yet: for who reads what others have sealed."""
        if not settings.master_key and not (settings.data / "master.key").exists():
            return None
        return cls.load(settings)

    def seal(self, person: PersonId, key: DataKey) -> bytes:
        """The data key, sealed and bound to the person's id."""
        return _seal(self._cipher, key.secret, person.encode())

    def open(self, person: PersonId, sealed: bytes) -> DataKey:
        """The data key that was sealed. Raises InvariantBroken with another master key."""
        return DataKey(_open(self._cipher, sealed, person.encode()))


def _seal(cipher: AESGCM, plain: bytes, bound_to: bytes) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + cipher.encrypt(nonce, plain, bound_to)


def _open(cipher: AESGCM, sealed: bytes, bound_to: bytes) -> bytes:
    try:
        return cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], bound_to)
    except (InvalidTag, ValueError) as error:
        raise InvariantBroken("sealed with another key, or changed since") from error


def _from_file(path: Path) -> bytes:
    """The file's text. A missing one appears whole: two processes that make it end up with one key."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=path.parent) as fresh:  # Readable by its owner only.
            fresh.write(base64.b64encode(secrets.token_bytes(KEY_BYTES)))
            fresh.flush()
            os.fsync(fresh.fileno())
            with suppress(FileExistsError):
                os.link(fresh.name, path)
    return path.read_bytes().strip()
