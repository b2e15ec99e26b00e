"""A worker's partitions are published, copied and given up by tasks of their own, which wait for each other."""

import asyncio
from pathlib import Path

from tests.service.logs import NOW_MS, events, records

from presence.events.vocabulary import Event, Kind, PersonId
from presence.log.kafka import ensure_topics
from presence.log.settings import Settings
from presence.model.spec import load
from presence.scoring.scorer import Scorer

PATIENCE_S = 30


def test_a_partition_is_given_up_while_its_store_is_about_to_be_renewed(
    kafka: str, namespace: str, tmp_path: Path
) -> None:
    settings = Settings(kafka=kafka, namespace=namespace, data=tmp_path, partitions=1, renew_s=0.01)
    ensure_topics(settings)

    async def run() -> None:
        scorer, stopping = Scorer(settings, load(settings.model)), asyncio.Event()
        await scorer.open({0})
        erased = Event(kind=Kind.ERASED, person=PersonId("p_1"), observed_ms=NOW_MS)
        scorer.apply(0, records([*events(100), erased]))
        async with scorer._publishing:  # noqa: SLF001 (a publication goes on)
            closing = asyncio.create_task(scorer.close({0}))
            await asyncio.sleep(0)
            copying = asyncio.create_task(scorer.snapshot_until(stopping.is_set))
            await asyncio.sleep(2)
        await asyncio.wait_for(closing, PATIENCE_S)
        stopping.set()
        await asyncio.wait_for(copying, PATIENCE_S)
        assert scorer.offset(0) is None

    asyncio.run(run())
