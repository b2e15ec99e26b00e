"""Bluesky, as Presence knows it."""

from presence.events.errors import InvalidEvent
from presence.ingest.acts import Decoded
from presence.ingest.exports.importer import Importer
from presence.ingest.frames import Frame
from presence.ingest.network import KnownNetwork
from presence.ingest.networks import bluesky, bluesky_car


def _decode(frame: Frame, _account: str, observed_ms: int) -> Decoded:
    """As live, but a repository also holds what other applications have written into it, which nobody asked for."""
    try:
        return bluesky.decode(frame.data, observed_ms)
    except InvalidEvent as error:
        if error.reason == "unknown_collection":
            return Decoded(skipped=error.reason)
        raise


NETWORK = KnownNetwork(
    name=bluesky.NETWORK,
    title="Bluesky",
    account="a DID such as did:plc:..., not a handle",
    importer=Importer(
        takes="a repository's CAR file",
        items=bluesky_car.items,
        decode=_decode,
        owner=bluesky_car.owner,
    ),
)
