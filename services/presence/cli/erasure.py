"""How `presence roster erase` does it and shows it, and how it tells of what it has searched."""

import json
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from presence.cli.context import client
from presence.cli.traces import Found, Looked, Needles, Search, Verdict
from presence.client.errors import NotFound
from presence.events.errors import PresenceError
from presence.events.vocabulary import PersonId
from presence.ingest.departures import forget_on_this_machine
from presence.log.settings import Settings
from presence.roster.enrolment import Enrolment
from presence.roster.follower import Follower

GONE_S = 15.0
"""How long to wait until the gateway knows nothing of the person; under load it is a second."""
POLL_S = 0.05
WHERE_MAX = 20
"""Places that are named one by one."""

err = Console(stderr=True)


def erase(
    settings: Settings, person: PersonId, follower: Follower, enrolment: Enrolment, *, as_json: bool
) -> None:
    """Erase, and wait until nobody is told of the person any more.

    Raises CallerError if nobody is enrolled as `person`, SourceUnavailable if the broker does not acknowledge.
    """
    began = time.monotonic()
    with _step("the log is told, and the key destroyed"):
        enrolment.erase([person])
    with _step("this machine's ingest files are purged"):
        forget_on_this_machine(settings, follower)
    with _step("the score goes"):
        is_gone = _wait_until_gone(settings, person)
    took_ms = round(1000 * (time.monotonic() - began))
    if as_json:
        print(
            json.dumps({"person": person, "erased": True, "gone_from_gateway": is_gone, "took_ms": took_ms})
        )
        return
    print(f"erased {person}")
    if not is_gone:
        print(
            "no gateway has confirmed that the score is gone: it goes once scoring and a gateway run",
            file=sys.stderr,
        )


def _wait_until_gone(settings: Settings, person: PersonId) -> bool:
    """Whether the gateway has come to know nothing of `person`; False as well if there is none to ask."""
    deadline = time.monotonic() + GONE_S
    with client(settings) as gateway:
        while time.monotonic() < deadline:
            try:
                gateway.get_score(person)
            except NotFound:
                return True
            except PresenceError:
                return False
            time.sleep(POLL_S)
    return False


@dataclass(frozen=True, slots=True)
class Told:
    """What a search has looked at and found."""

    person: PersonId
    looked: list[Looked]
    found: list[Found]

    def is_left(self, *, after_compaction: bool) -> bool:
        """Whether there is anything that must not be there."""
        bad = {Verdict.LEFT, Verdict.WAITS} if after_compaction else {Verdict.LEFT}
        return any(each.verdict in bad for each in self.found)


def search(settings: Settings, person: PersonId, traces: Iterable[str], *, as_json: bool) -> Told:
    """Search everything for `person` and `traces`, and print what was looked at and found."""
    with err.status("searching") as status:
        done = Search(settings, Needles([person], traces), lambda place: status.update(f"searching {place}"))
        done.everywhere()
    told = Told(person, done.looked, done.found)
    print(json.dumps(_plain(told))) if as_json else _show(told)
    return told


def _plain(told: Told) -> dict[str, object]:
    hits = {verdict.value: sum(each.hits[verdict] for each in told.looked) for verdict in Verdict}
    return {
        "person": told.person,
        **hits,
        "looked": [
            {"place": each.place, "kind": each.kind, "records": each.records, "bytes": each.bytes}
            | {verdict.value: each.hits[verdict] for verdict in Verdict if each.hits[verdict]}
            for each in told.looked
        ],
    }


def _show(told: Told) -> None:
    table = Table("place", "kind", "records", "bytes", *(verdict.value for verdict in Verdict), box=None)
    hit = [each for each in told.looked if each.hits]
    for each in hit[:WHERE_MAX]:
        counts = (str(each.hits[verdict] or "") for verdict in Verdict)
        table.add_row(each.place, each.kind, f"{each.records:,}", f"{each.bytes:,}", *counts)
    if hit:
        Console().print(table)
    for kind in dict.fromkeys(each.kind for each in told.looked):
        of_kind = [each for each in told.looked if each.kind == kind]
        records, size = sum(each.records for each in of_kind), sum(each.bytes for each in of_kind)
        print(f"looked at {len(of_kind)} x {kind}: {records:,} records, {size:,} bytes")
    print(_SAID[told.is_left(after_compaction=False), told.is_left(after_compaction=True)])


_SAID = {
    (
        False,
        False,
    ): "nothing is left but what is nobody's without the key: a random pseudonym and keyed hashes",
    (False, True): (
        "nothing is left but what is superseded, and goes with the next compaction (waits), "
        "and what is nobody's without the key: a random pseudonym and keyed hashes (stays)"
    ),
    (True, True): "something is LEFT that must not be there",
}


@contextmanager
def _step(what: str) -> Iterator[None]:
    with err.status(what):
        yield
    err.print(f"done: {what}")
