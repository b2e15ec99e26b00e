"""Records of the topic of scores, and a read model in a folder of the test's own."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from presence.events.vocabulary import PersonId
from presence.gateway.resume import DeploymentId
from presence.gateway.rows import Change, row_of
from presence.gateway.write_model import WriteModel
from presence.log.revision import Revision, encode
from presence.v1.score_pb2 import Score

DEPLOYMENT = DeploymentId(b"here4now")
PARTITIONS = 2
DIGITS = "abcdefghijklmnopqrstuvwxyz234567"


@pytest.fixture
def person() -> Callable[[int], PersonId]:
    return lambda number: PersonId("p_" + "a" * 24 + DIGITS[number // 32] + DIGITS[number % 32])


@pytest.fixture
def change(person: Callable[[int], PersonId]) -> Callable[..., Change]:
    """`change(number, offset, revision)`: person `number` always in partition `number % 2`; more: of the Score."""

    def make(
        number: int, offset: int, revision: int, *, presence: int = 1000, erased: bool = False, **more: Any
    ) -> Change:
        at = Revision(number % PARTITIONS, revision)
        score = Score(person=person(number), presence_millipoints=presence, revision=encode(at), **more)
        row = row_of(at.partition, offset, score, score.SerializeToString())
        return Change(at.partition, offset, person(number), None if erased else row)

    return make


@pytest.fixture
def model(tmp_path: Path) -> Iterator[WriteModel]:
    with WriteModel(tmp_path / "model") as opened:
        opened.begin(DEPLOYMENT, (0,) * PARTITIONS)
        opened.arrange()
        yield opened
