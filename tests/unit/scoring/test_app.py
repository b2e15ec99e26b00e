"""What Faust does with the application, without a broker."""

import asyncio
from pathlib import Path

from faust.transport.consumer import Fetcher

from presence.log.settings import Settings
from presence.scoring.app import create_app


def test_a_worker_that_is_stopped_in_a_rebalance_has_not_crashed(tmp_path: Path) -> None:
    async def stopped_in_a_rebalance() -> BaseException | None:
        app = create_app(Settings(kafka="127.0.0.1:1", data=tmp_path))
        app.rebalancing = True
        app.consumer.stop_flow()
        fetcher = Fetcher(app)
        await fetcher.start()
        await asyncio.sleep(0)  # It waits for records now.
        await fetcher.stop()
        return fetcher.crash_reason

    assert asyncio.run(stopped_in_a_rebalance()) is None
