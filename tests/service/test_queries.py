"""Interactive queries over a real socket: the state of one person, and who gets none."""

import asyncio
import http.client
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.service.logs import Record

from presence.events.errors import CallerError
from presence.events.vocabulary import Event, EventId, Kind, PersonId, PersonKind
from presence.log import codec
from presence.log.owners import MODEL_HEADER
from presence.log.settings import Settings
from presence.model import transfer
from presence.model.spec import load
from presence.model.state import State
from presence.scoring.partition import Partition
from presence.scoring.queries import Queries

SOMEBODY, NOBODY, ERASED = (PersonId("p_" + letter * 26) for letter in "abc")
T0 = 1_790_000_000_000


def record(offset: int, person: PersonId, kind: Kind) -> Record:
    event = Event(
        kind=kind, id=EventId(offset), person=person, person_kind=PersonKind.PERSON, observed_ms=T0 + offset
    )
    return Record(offset, event.person.encode(), codec.encode(event))


def test_the_state_of_a_person_of_ours_and_of_nobody_else(
    open_partition: Callable[[str], Partition], tmp_path: Path
) -> None:
    partition = open_partition("store")
    partition.apply(
        [record(0, SOMEBODY, Kind.ENROLLED), record(1, ERASED, Kind.ENROLLED), record(2, ERASED, Kind.ERASED)]
    )
    settings = Settings(data=tmp_path, query_secret="known to gateways")

    def read(number: int, person: str) -> State | None:
        return partition.store.load([person]) if number == 3 else None

    async def answers() -> None:
        queries = Queries(settings, load().hash, read)
        await queries.start()

        def ask(path: str, secret: str = "known to gateways") -> tuple[int, bytes, str | None]:
            connection = http.client.HTTPConnection(queries.owner.address, timeout=10)
            headers = {"Authorization": f"Bearer {secret}"} if secret else {}
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            found = answer.status, answer.read(), answer.headers.get(MODEL_HEADER)
            connection.close()
            return found

        async def asked(path: str, **more: str) -> tuple[int, bytes, str | None]:
            return await asyncio.to_thread(ask, path, **more)

        def state_path(person: str, number: int = 3) -> str:
            return f"/v1/partitions/{number}/people/{person}/state"

        status, content, model = await asked(state_path(SOMEBODY))
        assert (status, model) == (200, load().hash)
        assert transfer.decode(content).equals(partition.store.load([SOMEBODY]))
        for path, wanted in (
            (state_path(NOBODY), 404),
            (state_path(ERASED), 404),
            (state_path(SOMEBODY, 4), 421),
            (state_path("bob"), 400),
            ("/", 404),
        ):
            assert (await asked(path))[0] == wanted
        for secret in ("", "another", "known to gateway\N{LATIN SMALL LETTER S WITH ACUTE}"):
            status, content, _ = await asked(state_path(SOMEBODY), secret=secret.encode().decode("latin-1"))
            assert status == 401
            assert SOMEBODY.encode() not in content
        await queries.stop()

    asyncio.run(answers())


def test_another_address_than_loopback_needs_a_secret(tmp_path: Path) -> None:
    def nothing(_number: int, _person: str) -> State | None:
        return None

    open_to_all = Settings(data=tmp_path, query="0.0.0.0:0")
    with pytest.raises(CallerError, match="PRESENCE_QUERY_SECRET"):
        Queries(open_to_all, "", nothing)
    with pytest.raises(CallerError, match="host:port"):
        Queries(replace(open_to_all, query="here"), "", nothing)
