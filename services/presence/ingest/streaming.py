"""Builds an ingest that listens to a network's stream."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from presence.events.errors import CallerError
from presence.ingest.live import live_ingest
from presence.ingest.network import known
from presence.ingest.runner import Runner
from presence.log.settings import Settings


@contextmanager
def streaming_ingest(
    settings: Settings, name: str, env: Mapping[str, str], url: str = ""
) -> Iterator[Runner]:
    """See live_ingest. `url`: another address of the API. Raises CallerError if the network has no stream."""
    network = known(name)
    streaming = network.streaming
    if streaming is None:
        raise CallerError(f"{network.title} has no stream that Presence listens to")
    with live_ingest(
        settings, network, streaming, env, lambda given, *_: streaming.source(given, url)
    ) as runner:
        yield runner
