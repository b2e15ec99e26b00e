"""Builds the receiver from its settings; the only place that does."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

from presence.events.errors import CallerError
from presence.events.vocabulary import Network
from presence.ingest.bootstrap import caught_up, logged
from presence.ingest.lock import exclusive
from presence.ingest.network import given, is_only_way, known, missing, names
from presence.ingest.runner import Runner
from presence.ingest.webhooks.hook import Hook
from presence.ingest.webhooks.inbox import Inbox
from presence.ingest.webhooks.limits import Limits
from presence.ingest.webhooks.receiver import Door, Receiver
from presence.ingest.webhooks.server import WebhookServer
from presence.log.kafka import await_topics
from presence.log.settings import Settings


def hooks(env: Mapping[str, str], wanted: Sequence[str] = ()) -> list[Hook]:
    """The hooks of `wanted` networks; without any, of all whose secrets `env` holds.

    Raises CallerError that names what is missing.
    """
    networks = [known(name) for name in wanted or names()]
    found: list[Hook] = []
    wanting: list[str] = []
    for network in networks:
        if network.webhook is None:
            if wanted:
                raise CallerError(f"{network.title} has no webhooks that Presence knows")
            continue
        lacking = missing(network.webhook.needs, env)
        if lacking:
            wanting.append(f"{network.name} needs {', '.join(each.variable for each in lacking)}")
        else:
            found.append(network.webhook.hook(given(network.webhook.needs, env)))
    if wanting and (wanted or not found):
        raise CallerError("; ".join(wanting) + " (each may end in _FILE and name a file)")
    return found


@contextmanager
def webhook_server(
    settings: Settings, found: Sequence[Hook], host: str, port: int, limits: Limits | None = None
) -> Iterator[WebhookServer]:
    """A server that listens and is ready to run; everything is closed with the block.

    Raises SourceUnavailable if no broker answers, CallerError if the address cannot be had or another receiver of one of
    the networks is at work in this data folder.
    """
    limits = limits or Limits()
    with ExitStack() as stack:
        await_topics(settings)
        doors = [Door(hook, Inbox(limits, is_only_way=is_only_way(hook.network))) for hook in found]
        runners = {door.hook.network: _runner(settings, stack, door) for door in doors}
        server = WebhookServer(Receiver(doors, limits), runners, limits, host, port)
        stack.callback(server.close)
        yield server


def _runner(settings: Settings, stack: ExitStack, door: Door) -> Runner:
    folder = settings.data / "ingest" / door.hook.network
    stack.enter_context(exclusive(folder / "webhooks"))
    follower = caught_up(settings, stack)
    runner = logged(
        settings,
        stack,
        network=Network(door.hook.network),
        cursors=folder / "webhooks" / settings.namespace,
        source=door.inbox,
        decode=door.hook.decode,
        follower=follower,
    )
    runner.on_acknowledged = door.inbox.acknowledge
    return runner
