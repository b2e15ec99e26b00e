from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from presence.model.spec import load
from presence.scoring.partition import Partition
from presence.scoring.store import Store


@pytest.fixture
def open_partition(tmp_path: Path) -> Iterator[Callable[[str], Partition]]:
    opened: list[Partition] = []

    def start(name: str) -> Partition:
        opened.append(Partition(3, Store(tmp_path / name), load()))
        return opened[-1]

    yield start
    for each in opened:
        each.store.close()
