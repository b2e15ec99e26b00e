"""Builds an ingest that asks a network's API."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

from presence.events.errors import CallerError
from presence.ingest.bootstrap import logged
from presence.ingest.cursor import CursorStore
from presence.ingest.lock import exclusive
from presence.ingest.network import given, known, missing
from presence.ingest.polled import PolledSource, Watch
from presence.ingest.received import ReceivedIndex
from presence.ingest.runner import Runner
from presence.log.kafka import ensure_topics
from presence.log.settings import Settings
from presence.roster.follower import Follower
from presence.roster.keys import MasterKey


@contextmanager
def polling_ingest(settings: Settings, name: str, env: Mapping[str, str], url: str = "") -> Iterator[Runner]:
    """A runner that is ready to run; everything is closed with the block. `url`: another address of the API.

    Raises CallerError if the network cannot be asked, a setting is missing, or another ingest of it is at work in this
    data folder; SourceUnavailable if no broker answers.
    """
    network = known(name)
    polling = network.polling
    if polling is None:
        raise CallerError(f"{network.title} has no API that Presence asks")
    if lacking := missing(polling.needs, env):
        wanted = ", ".join(need.variable for need in lacking)
        raise CallerError(f"{wanted} is missing: `presence ingest doctor {name}` says where to get it")
    folder = settings.data / "ingest" / network.name
    with ExitStack() as stack:
        stack.enter_context(exclusive(folder))
        ensure_topics(settings)
        follower = Follower(settings, MasterKey.load(settings))
        stack.callback(follower.close)
        follower.catch_up()
        cursors = CursorStore(folder / settings.namespace / "places")
        stack.callback(cursors.close)

        def natives() -> Sequence[str]:
            return follower.registry.natives(network.name)

        source = PolledSource(polling.poller(given(polling.needs, env), Watch(natives, cursors, url)))
        stack.callback(source.close)
        received = ReceivedIndex(folder / settings.namespace / "received")
        stack.callback(received.close)
        yield logged(
            settings,
            stack,
            network=network.name,
            cursors=folder / settings.namespace / "cursor",
            source=source,
            decode=polling.decode,
            follower=follower,
            received=received,
            on_acknowledged=source.acknowledged,
        )
