"""The resume token of a watch: how far a client has seen the topic of scores. Opaque to clients."""

import base64
import binascii
import struct
from typing import NamedTuple, NewType

DeploymentId = NewType("DeploymentId", bytes)
"""8 bytes that tell one deployment's topic of scores from every other, also from a re-created one of its name."""
Positions = tuple[int, ...]
"""By partition of the topic of scores: the offset before which everything has been seen."""

VERSION = 1
TOKEN_CHARS_MAX = 16_384
"""Room for 1,500 partitions."""
_HEAD = struct.Struct(">B8s")
_OFFSET_BYTES = 8


class MalformedToken(ValueError):
    """Not a token that any gateway has given out."""


class ResumeToken(NamedTuple):
    """What a token says: everything of `deployment` before `positions` has reached the client."""

    deployment: DeploymentId
    positions: Positions


def encode(token: ResumeToken) -> str:
    """base64url without padding of: version, deployment, one uint64 per partition.

    >>> encode(ResumeToken(DeploymentId(b"8 bytes."), (7,)))
    'ATggYnl0ZXMuAAAAAAAAAAc'
    """
    offsets = struct.pack(f">{len(token.positions)}Q", *token.positions)
    packed = _HEAD.pack(VERSION, token.deployment) + offsets
    return base64.urlsafe_b64encode(packed).rstrip(b"=").decode()


def decode(text: str) -> ResumeToken:
    """The token that `encode` wrote. Raises MalformedToken for anything else.

    >>> decode('ATggYnl0ZXMuAAAAAAAAAAc').positions
    (7,)
    """
    if len(text) > TOKEN_CHARS_MAX:
        raise MalformedToken("the token is too long")
    try:
        packed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedToken("the token is not base64url") from error
    offset_bytes = len(packed) - _HEAD.size
    if offset_bytes < _OFFSET_BYTES or offset_bytes % _OFFSET_BYTES:
        raise MalformedToken("the token is cut or padded")
    version, deployment = _HEAD.unpack_from(packed)
    if version != VERSION:
        raise MalformedToken(f"tokens of version {version} are not known here")
    positions = struct.unpack_from(f">{offset_bytes // _OFFSET_BYTES}Q", packed, _HEAD.size)
    return ResumeToken(DeploymentId(deployment), positions)
