"""What Presence knows of a network, in one value: `presence ingest`, `presence import` and the doctor go by it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points

from presence.events.errors import CallerError, InvariantBroken
from presence.events.vocabulary import Network
from presence.ingest.acts import Decoder
from presence.ingest.exports.importer import Importer
from presence.ingest.frames import Source
from presence.ingest.polled import Poller, Watch
from presence.ingest.webhooks.hook import Hook
from presence.log.settings import from_env

GROUP = "presence.networks"
"""The entry points that name networks; each names a KnownNetwork under the network's short code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """A setting that the live side of a network cannot do without (or, if `optional`, can)."""

    variable: str
    """The environment variable; with `_FILE` after it, one that names a file."""
    what: str
    where: str
    """How to come by it, with the address."""
    optional: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Polling:
    """What asking a network's API takes of the environment, by variable, and how it is done."""

    needs: tuple[Need, ...]
    poller: Callable[[Mapping[str, str], Watch], Poller]
    """Made of what `needs` found. Raises CallerError if a value cannot be right."""
    decode: Decoder


@dataclass(frozen=True, slots=True, kw_only=True)
class Streaming:
    """What listening to a network's stream takes of the environment, by variable, and how it is done."""

    needs: tuple[Need, ...]
    source: Callable[[Mapping[str, str], str], Source]
    """Made of what `needs` found, and of another address of the API if that is not empty. Raises CallerError."""
    decode: Decoder


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """What a network's webhook needs of the environment, and how its hook is made of that, by variable.

    `hook` raises CallerError if a value cannot be right.
    """

    needs: tuple[Need, ...]
    hook: Callable[[Mapping[str, str]], Hook]


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownNetwork:
    """One network. What it does not offer is left out."""

    name: Network
    title: str
    """As the network writes its own name."""
    account: str
    """In a few words, which of its ids names an account; it has to be one that never changes."""
    importer: Importer | None = None
    needs: tuple[Need, ...] = ()
    """Of its live side, beyond those of `polling`, `streaming` and `webhook`."""
    polling: Polling | None = None
    streaming: Streaming | None = None
    webhook: Webhook | None = None


def names() -> list[str]:
    """The short codes of all networks that are installed."""
    return sorted({each.name for each in entry_points(group=GROUP)})


def known(name: str) -> KnownNetwork:
    """The network of this short code. Raises CallerError if none is installed."""
    found: list[EntryPoint] = list(entry_points(group=GROUP, name=name))
    if not found:
        raise CallerError(f"{name} is no network that is installed here: {', '.join(names())} are")
    network = found[0].load()
    if not isinstance(network, KnownNetwork) or network.name != name:
        raise InvariantBroken(f"the entry point {found[0].value} is not the network {name}")
    return network


def all_needs(network: KnownNetwork) -> tuple[Need, ...]:
    """What any of its live ways needs, each setting once: as the first of them needs it."""
    ways = (network.polling, network.streaming, network.webhook)
    needs = (*network.needs, *(need for way in ways if way is not None for need in way.needs))
    found: dict[str, Need] = {}
    for need in needs:
        found.setdefault(need.variable, need)
    return tuple(found.values())


def is_only_way(name: str) -> bool:
    """Whether pushes are all that tells of the network while it happens."""
    network = known(name)
    return network.webhook is not None and network.polling is None and network.streaming is None


def given(needs: tuple[Need, ...], env: Mapping[str, str]) -> dict[str, str]:
    """What `env` holds of `needs`, by variable; empty text counts as missing.

    Raises CallerError if a file that it names cannot be read.
    """
    values = {need.variable: from_env(env, need.variable) for need in needs}
    return {variable: value for variable, value in values.items() if value}


def missing(needs: tuple[Need, ...], env: Mapping[str, str]) -> list[Need]:
    """Which of `needs` that are not optional `env` does not hold. Raises as `given` does."""
    held = given(needs, env)
    return [need for need in needs if not need.optional and need.variable not in held]


def lacking(network: KnownNetwork, env: Mapping[str, str]) -> list[Need]:
    """What `env` lacks of the live way that lacks the least: one way is enough. Raises as `given` does."""
    ways = [missing((*network.needs, *way.needs), env) for way in _ways(network)]
    return min(ways, key=len, default=missing(network.needs, env))


def _ways(network: KnownNetwork) -> list[Polling | Streaming | Webhook]:
    return [way for way in (network.polling, network.streaming, network.webhook) if way is not None]
