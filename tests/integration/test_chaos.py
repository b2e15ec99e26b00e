"""The harness itself, small: real Kafka, real workers, real faults, and nobody's score wrong."""

from pathlib import Path
from types import MappingProxyType

import pytest

from presence.chaos.guard import guarded
from presence.chaos.plan import Fault, Options
from presence.chaos.run import Result, run


def tried(scratch: Path, workers: int, faults: dict[Fault, int]) -> Result:
    options = Options(
        events=8_000, people=300, partitions=4, workers=workers, seed=5, faults=MappingProxyType(faults)
    )
    with guarded(scratch):
        return run(options, scratch, lambda _: None)


@pytest.mark.parametrize("workers", [1, 2])
def test_scores_are_those_of_an_independent_fold_whoever_is_killed(workers: int, tmp_path: Path) -> None:
    result = tried(tmp_path, workers, {Fault.KILL: 2})
    assert result.verdict.people > 200
    assert result.right, result
