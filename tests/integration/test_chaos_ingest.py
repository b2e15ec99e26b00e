"""One source of each kind of transport, its ingest killed: `presence chaos-ingest` in short."""

from pathlib import Path

import pytest

from presence.cli.chaos_ingest import Plan, tried
from presence.cli.chaos_ways import WAYS
from presence.log.settings import Settings


@pytest.mark.parametrize("way", WAYS)
def test_nothing_is_lost_and_nothing_stands_twice(
    way: str, kafka: str, namespace: str, tmp_path: Path
) -> None:
    found = Settings(kafka=kafka, namespace=namespace, data=tmp_path, partitions=2)
    plan = Plan(acts=6_000 if way == "import" else 600, rate_per_s=100, kills=1)
    came = tried(way, plan, found)
    assert (came["acts"], came["lost"], came["twice"]) == (plan.acts, 0, 0)
