"""Builds an ingest that asks a network's API."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from presence.events.errors import CallerError
from presence.ingest.cursor import Places
from presence.ingest.live import live_ingest
from presence.ingest.network import known
from presence.ingest.polled import PolledSource, Watch
from presence.ingest.runner import Runner
from presence.log.settings import Settings
from presence.roster.follower import Follower


@contextmanager
def polling_ingest(settings: Settings, name: str, env: Mapping[str, str], url: str = "") -> Iterator[Runner]:
    """See live_ingest. `url`: another address of the API. Raises CallerError if the network cannot be asked."""
    network = known(name)
    polling = network.polling
    if polling is None:
        raise CallerError(f"{network.title} has no API that Presence asks")

    kept: list[Places] = []

    def source(given: Mapping[str, str], follower: Follower, folder: Path, stack: ExitStack) -> PolledSource:
        cursors = Places(folder / "places")
        stack.callback(cursors.close)
        cursors.keep_to(follower.registry.accounts_on(network.name))

        def natives() -> Sequence[str]:
            return follower.registry.natives(network.name)

        kept.append(cursors)
        return PolledSource(polling.poller(given, Watch(natives, cursors, url)))

    with live_ingest(settings, network, polling, env, source) as runner:
        assert isinstance(runner.source, PolledSource)
        assert runner.departures is not None
        runner.on_acknowledged = runner.source.acknowledged
        (runner.departures.places,) = kept
        yield runner
