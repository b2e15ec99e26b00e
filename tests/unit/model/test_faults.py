"""Faults made by hand in the core: each must fail the named test, so that the tests are known to see.

A fault is an edit of one module's text, loaded in place of the core; the test that must see it is the very
function of the suite, called with what its strategy would draw.
"""

import importlib
import importlib.util
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple
from unittest.mock import patch

import pytest
from tests.golden.archetypes import bot
from tests.golden.test_archetypes import assert_golden
from tests.golden.weekly import weekly
from tests.oracle.engines import Core, Engine
from tests.property import (
    histories,
    test_actors,
    test_conduct,
    test_oracle,
    test_order,
    test_rises,
    test_sums,
    test_undo,
)

import presence
from presence.events.vocabulary import Event, Gauge, Kind, PersonId

TRIES = 12
Check = Callable[[Engine], None]


class Fault(NamedTuple):
    """Where `text` stands once in `module`, `fault` stands instead."""

    module: str
    text: str
    fault: str
    seen_by: Check


def inner(test: Any) -> Callable[..., None]:
    """The function under a Hypothesis test."""
    function: Callable[..., None] = test.hypothesis.inner_test
    return function


def log(chance: random.Random, kinds: dict[Kind, int], people: list[str] | None = None) -> list[Any]:
    block = chance.randbytes(histories.RECORD_BYTES * histories.RECORDS_MAX)
    spread = tuple(kind for kind, weight in kinds.items() for _ in range(weight))
    networks = histories.NETWORKS[: chance.randrange(1, 7)]
    return histories.read(block, histories.Tables(spread, people or histories.PEOPLE, networks))


def order(engine: Engine) -> None:
    test = inner(test_order.test_any_order_batching_and_repetition_gives_the_same_state_and_score)
    for seed in range(TRIES):
        kinds = {**histories.EVERYDAY, **histories.FOR_EVERYBODY}
        test(engine=engine, events=log(random.Random(seed), kinds), seed=seed)


def batching(engine: Engine) -> None:
    test = inner(test_order.test_any_batching_in_log_order_gives_the_same_state_with_unlinking_and_erasure)
    for seed in range(TRIES):
        test(engine=engine, events=log(random.Random(seed), histories.HOSTILE), seed=seed)


def oracle(engine: Engine) -> None:
    test = inner(test_oracle.test_core_and_oracle_agree_on_state_score_and_change)
    with patch.object(test_oracle, "CORE", engine):
        for seed in range(TRIES):
            as_of_ms = histories.MOMENTS_MS[seed % len(histories.MOMENTS_MS)]
            events = log(random.Random(seed), histories.HOSTILE)
            test(events=events, split=20, as_of_ms=as_of_ms, earlier_ms=histories.BASE_MS)


def undo(engine: Engine) -> None:
    test = inner(test_undo.test_an_act_undone_anywhere_and_often_never_was_and_an_undo_of_nothing_is_harmless)
    for seed in range(TRIES):
        events = log(random.Random(seed), {Kind.ACTIVITY: 1}, ["p_kept"])
        test(engine=engine, events=events, which=seed + 1, where=[0], as_of_ms=histories.BASE_MS)


def conduct(engine: Engine) -> None:
    test = inner(
        test_conduct.test_a_severe_flag_leaves_a_tenth_the_floor_is_a_twentieth_and_a_withdrawn_one_takes_nothing
    )
    for seed in range(TRIES):
        events = log(random.Random(seed), test_conduct.BLAMELESS, ["p_clean"])
        test(engine=engine, events=events, others=[], as_of_ms=histories.BASE_MS, of_day_ms=0)


def sums(engine: Engine) -> None:
    test = inner(test_sums.test_waterfall_and_change_add_up_and_every_range_holds)
    for seed in range(TRIES):
        events = log(random.Random(seed), histories.EVERYDAY)
        test(engine=engine, events=events, split=20, moments=[histories.BASE_MS] * 2)


def new_account(engine: Engine) -> None:
    test = inner(test_rises.test_a_new_account_never_lowers_a_pillar_or_the_score)
    nobody_follows = Event(
        kind=Kind.GAUGE, person=PersonId(test_rises.BEFORE), gauge=Gauge.FOLLOWERS, value=0, observed_ms=1
    )
    for seed in range(TRIES):
        events = log(random.Random(seed), test_rises.NO_ASSOCIATES, [test_rises.BEFORE])
        network = histories.NETWORKS[seed % len(histories.NETWORKS)]
        test(engine=engine, events=events, told=[nobody_follows], network=network, as_of_ms=histories.BASE_MS)


def many_actors(engine: Engine) -> None:
    test = inner(test_actors.test_ten_thousand_likes_of_one_stay_below_one_like_of_each_of_twenty)
    test(engine=engine, network="x", age_days=0, parts=[], actors=list(range(1, 16)), first_slot=20)


def golden(engine: Engine) -> None:
    assert_golden("bot", weekly(engine, [bot()])["bot"])


FAULTS = {
    "skipped dedupe": Fault(
        "ledger",
        "runs.starts(person[order], number[order])",
        "runs.starts(person[order], number[order], np.arange(len(order)))",
        order,
    ),
    "an undo adds once more": Fault("ledger", "- ((first == _OLD)", "+ ((first == _OLD)", order),
    "an undo in the batch of its act is lost": Fault(
        "ledger", "was_undone | (last == _UNDO)", "was_undone", undo
    ),
    "the oldest wins": Fault(
        "people", "order[begins + runs.lengths(begins, len(order)) - 1]", "order[begins]", oracle
    ),
    "unlinking drops what comes later": Fault(
        "unlink", '(pl.col("position") < pl.col("last"))', '(pl.col("position") > pl.col("last"))', batching
    ),
    "watermarks go back": Fault("fold", "max(complete_ms, watermarks", "min(complete_ms, watermarks", oracle),
    "all actors are one": Fault("signals", "= model.slots - 1", "= 0", many_actors),
    "a week's middle is a day late": Fault("measures", "7 * week + 7", "7 * week + 8", golden),
    "decay at a whole half-life, < for <=": Fault("decay", "<= bound", "< bound", golden),
    "no limit on a week's posts": Fault(
        "shares", "np.minimum(rows.amount, model.week_amount_max)", "rows.amount", golden
    ),
    "quotients go down, not towards 0": Fault(
        "measures", "np.sign(numerator) * whole", "numerator // denominator", oracle
    ),
    "flags raise": Fault("evaluate", "np.exp(-burden / 1e6)", "np.exp(burden / 1e6)", conduct),
    "withdrawn flags count": Fault(
        "evaluate",
        '~state.flags["withdrawn"].to_numpy()',
        'state.flags["withdrawn"].to_numpy() | True',
        conduct,
    ),
    "the worst account of a network counts": Fault(
        "together", "np.maximum.reduceat(shares", "np.minimum.reduceat(shares", new_account
    ),
    "a remainder too many, <= for <": Fault(
        "together", "rank < missing[order]", "rank <= missing[order]", sums
    ),
    "a network of today is stale, <= for <": Fault(
        "evaluate", "accounts.day < day[", "accounts.day <= day[", oracle
    ),
}


class Edited(MetaPathFinder, Loader):
    """Finds one module of the core with an edited text."""

    def __init__(self, name: str, text: str) -> None:
        self.name, self.text = name, text

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> ModuleSpec | None:
        if name != self.name:
            return None
        return importlib.util.spec_from_loader(name, self)

    def create_module(self, spec: ModuleSpec) -> None:
        """As usual."""

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self.text, module.__name__, "exec"), module.__dict__)


@contextmanager
def core_with(fault: Fault) -> Iterator[Engine]:
    """The core, loaded anew with one fault in it; afterwards all is as before."""
    name = f"presence.model.{fault.module}"
    text = Path(str(sys.modules[name].__file__)).read_text()
    assert text.count(fault.text) == 1, f"{fault.module} has changed: say anew where this fault is made"
    finder = Edited(name, text.replace(fault.text, fault.fault))
    others = {
        known: module
        for known, module in sys.modules.items()
        if not known.startswith("presence.model") and known != "tests.oracle.engines"
    }
    with (
        patch.dict(sys.modules, others, clear=True),
        patch.object(sys, "meta_path", [finder, *sys.meta_path]),
        patch.object(presence, "model", None),
    ):
        yield importlib.import_module("tests.oracle.engines").Core()


@pytest.mark.parametrize("name", FAULTS)
def test_the_fault_is_seen(name: str) -> None:
    with core_with(FAULTS[name]) as faulty, pytest.raises(AssertionError):
        FAULTS[name].seen_by(faulty)


@pytest.mark.parametrize("check", sorted({fault.seen_by.__name__ for fault in FAULTS.values()}))
def test_without_a_fault_the_same_check_passes(check: str) -> None:
    globals()[check](Core())
