"""Builds an ingest of one of a network's live ways, as far as they have it in common."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from presence.events.errors import CallerError
from presence.ingest.bootstrap import caught_up, logged
from presence.ingest.frames import Source
from presence.ingest.lock import exclusive
from presence.ingest.network import KnownNetwork, Polling, Streaming, given, missing
from presence.ingest.runner import Runner
from presence.log.kafka import await_topics
from presence.log.settings import Settings
from presence.roster.follower import Follower

MakeSource = Callable[[Mapping[str, str], Follower, Path, ExitStack], Source]
"""Of the settings that the way needs, who is enrolled, a folder, and what is closed at the end."""


@contextmanager
def live_ingest(
    settings: Settings,
    network: KnownNetwork,
    way: Polling | Streaming,
    env: Mapping[str, str],
    make: MakeSource,
) -> Iterator[Runner]:
    """A runner that is ready to run; everything is closed with the block.

    Raises CallerError if a setting is missing, or another ingest of the network is at work in this data folder;
    SourceUnavailable if no broker answers.
    """
    if lacking := missing(way.needs, env):
        wanted = ", ".join(need.variable for need in lacking)
        raise CallerError(
            f"{wanted} is missing: `presence ingest doctor {network.name}` says where to get it"
        )
    folder = settings.data / "ingest" / network.name
    with ExitStack() as stack:
        stack.enter_context(exclusive(folder))
        await_topics(settings)
        follower = caught_up(settings, stack)
        source = make(given(way.needs, env), follower, folder / settings.namespace, stack)
        stack.callback(source.close)
        yield logged(
            settings,
            stack,
            network=network.name,
            cursors=folder / settings.namespace / "cursor",
            source=source,
            decode=way.decode,
            follower=follower,
        )
