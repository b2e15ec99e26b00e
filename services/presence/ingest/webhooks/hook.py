"""What a network tells of its webhook; the receiver does the rest and knows no network.

`KnownNetwork.webhook` says which secrets it needs, and makes the `Hook` of them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from presence.events.errors import CallerError
from presence.events.vocabulary import Network
from presence.ingest.acts import Decoder


class Posted(NamedTuple):
    """A request as it came: names of `headers` in lower case, `params` what the path's braces held, `body` raw."""

    headers: Mapping[str, str]
    query: Mapping[str, str]
    params: Mapping[str, str]
    body: bytes


class Letter(NamedTuple):
    """What becomes one frame: `kind` is what the headers say it is, where its bytes do not."""

    data: bytes
    kind: str = ""


class Refused(CallerError):
    """The sender gets this HTTP status: 401 for a wrong signature, 403 for a wrong token, 400 for no sense at all.

    `told` is what the answer says besides, as JSON; nothing where it is empty.
    """

    def __init__(self, status: int, message: str, told: bytes = b"") -> None:
        super().__init__(message)
        self.status = status
        self.told = told


class Reply(NamedTuple):
    """The answer to a handshake."""

    body: bytes
    media_type: str = "text/plain"


def _whole(posted: Posted) -> Sequence[Letter]:
    return (Letter(posted.body),)


def _no_handshake(_: Posted) -> Reply:
    raise Refused(405, "this network has no handshake by GET")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """Functions only; all are quick, and none waits.

    `verify` looks at the raw body, in constant time, and raises Refused; its second argument is now, in ms.
    `letters` are the frames of a verified request, none if it only says hello. `decode` is the network's decoder.
    `challenge` answers a GET, or raises Refused.
    """

    network: Network
    path: str
    """As Starlette writes it, such as `/github` or `/websub/{feed}`."""
    decode: Decoder
    verify: Callable[[Posted, int], None]
    letters: Callable[[Posted], Sequence[Letter]] = _whole
    challenge: Callable[[Posted], Reply] = _no_handshake
