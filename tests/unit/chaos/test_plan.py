from types import MappingProxyType

import pytest

from presence.chaos.plan import LASTS_S, Fault, Options, plan

SESSION_TIMEOUT_S = 10.0


def options(seed: int, **faults: int) -> Options:
    counts = MappingProxyType({Fault[name]: times for name, times in faults.items()})
    return Options(events=10_000, people=100, partitions=4, workers=3, seed=seed, faults=counts)


def test_a_seed_repeats_its_plan_and_another_does_not() -> None:
    assert plan(options(1, KILL=5, FREEZE=2)) == plan(options(1, KILL=5, FREEZE=2))
    assert plan(options(1, KILL=5, FREEZE=2)) != plan(options(2, KILL=5, FREEZE=2))


@pytest.mark.parametrize("seed", range(20))
def test_every_fault_comes_as_often_as_asked_to_workers_that_exist_within_the_events(seed: int) -> None:
    steps = plan(options(seed, KILL=5, JOIN=1, FREEZE=2))
    assert sorted(step.fault for step in steps) == sorted(["kills"] * 5 + ["joins"] + ["freezes"] * 2)
    assert {step.worker for step in steps} <= {0, 1, 2}
    assert sum(step.events for step in steps) < 10_000
    assert all(step.after_s < step.over_s for step in steps)
    assert steps[-1].settles


def test_without_faults_there_is_no_step() -> None:
    assert plan(options(1)) == []


def test_a_frozen_worker_is_taken_for_dead() -> None:
    assert LASTS_S[Fault.FREEZE][0] > SESSION_TIMEOUT_S
    assert LASTS_S.keys() == set(Fault)
