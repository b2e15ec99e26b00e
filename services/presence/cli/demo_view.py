"""What the demonstration shows: a ranking, what each network did, and at the end one score with its reasons; or JSON."""

import json
from typing import Any

from rich.box import SIMPLE
from rich.console import Console, Group
from rich.table import Table

from presence.cli.demo_show import BLUESKY, Show
from presence.cli.score_view import Ranking, score_panel
from presence.cli.stack import log_path
from presence.client import Score
from presence.demo.latency import Measured, percentile
from presence.events.vocabulary import Network

RANKED = 20


class View:
    """For a terminal."""

    def __init__(self, show: Show) -> None:
        self._show = show
        self._ranking = Ranking({person: member.name for person, member in show.members.items()})

    def now(self) -> Group:
        """As things stand."""
        self._ranking.update(self._show.watcher.scores())
        return Group(self._ranking.table(RANKED), _table(self._show, None))

    def tell(self, measured: Measured) -> None:
        """How it ended."""
        console, show = Console(), self._show
        scores = show.watcher.scores()
        self._ranking.update(scores)
        console.print(self._ranking.table(RANKED))
        if scores:
            console.print(f"\nwhy {show.title(scores[0])} stands first:")
            console.print(score_panel(scores[0]))
        console.print(_table(show, measured))
        latencies = measured.of(show.people_on(BLUESKY))
        console.print(
            f"{len(latencies)} acts on Bluesky; from an act's arrival to its score at this client: "
            f"p50 {percentile(latencies, 50)} ms, p99 {percentile(latencies, 99)} ms"
        )
        for name, address in _addresses(show).items():
            console.print(f"  {name:10} {address}")


def print_json(show: Show, measured: Measured) -> None:
    """Everything in one object. `latency_ms` is of what was played at a steady rate: Bluesky's."""
    people = [
        score.as_dict() | {"name": show.title(score), "latency_ms": _latency(measured.of([score.person]))}
        for score in show.watcher.scores()
    ]
    told = {
        "people": people,
        "networks": [_network(show, each, measured) for each in _networks(show)],
        "latency_ms": _latency(measured.of(show.people_on(BLUESKY))),
        "addresses": _addresses(show),
    }
    print(json.dumps(told))


def _networks(show: Show) -> list[Network]:
    return list(dict.fromkeys(member.network for member in show.members.values()))


def _network(show: Show, network: Network, measured: Measured) -> dict[str, Any]:
    """What came of one network, and the change that it made: millipoints of presence, of all its people together."""
    people = show.people_on(network)
    member, said = show.members[people[0]], measured.said_of(people)
    before, after = (
        sum(show.before[each] for each in people),
        sum(each.presence for each in _scores(show, network)),
    )
    return {
        "network": network,
        "title": member.title,
        "way": member.way,
        "people": people,
        "events": said.total(),
        "said": dict(said.most_common()),
        "presence_before": before,
        "presence_after": after,
        "change": after - before,
        "latency_ms": _latency(measured.of(people)),
    }


def _scores(show: Show, network: Network) -> list[Score]:
    people = set(show.people_on(network))
    return [each for each in show.watcher.scores() if each.person in people]


def _table(show: Show, measured: Measured | None) -> Table:
    """A row per network. What was said is known only from the log, which is read once, at the end."""
    table = Table(box=SIMPLE, title="what came from where, and the points that it made")
    for name in ("network", "how", "events", "change"):
        table.add_column(name, justify="right" if name in {"events", "change"} else "left")
    if measured is not None:
        table.add_column("what was said", overflow="fold")
    for network in _networks(show):
        people = show.people_on(network)
        member, scores = show.members[people[0]], _scores(show, network)
        change = sum(each.presence - show.before[each.person] for each in scores)
        events = sum(each.events for each in scores)
        row = [member.title, member.way, str(events), f"{change / 1000:+.1f}"]
        if measured is not None:
            said = measured.said_of(people)
            row.append(", ".join(f"{words} {number}" for words, number in said.most_common()))
        table.add_row(*row)
    return table


def _latency(latencies: list[int]) -> dict[str, Any]:
    return {"acts": len(latencies), "p50": percentile(latencies, 50), "p99": percentile(latencies, 99)}


def _addresses(show: Show) -> dict[str, str]:
    return {
        "kafka": show.settings.kafka,
        "gateway": show.settings.gateway,
        "jetstream": show.played.url if show.played else "the public network",
        "log": str(log_path(show.settings)),
    }
