"""A plugin of pytest that runs the collected tests in forks, one of each mutant."""

import json
import os
import resource
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatch
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess
from pathlib import Path

import pytest
from _pytest.runner import runtestprotocol
from hypothesis import HealthCheck, Phase, settings
from mutmut.mutation import trampoline  # type: ignore[import-not-found]  # Of another environment.

WORKERS = 2
DEADLINE_S = 120
MEMORY_BYTES_MAX = 16 << 30
EXAMPLES = int(os.environ.get("EXAMPLES", "30"))
"""Of each property; a mutant that survives them is tried again with CI's thousand."""
CHOICE = "MUTANT_UNDER_TEST"
"""The variable by which mutmut's code chooses a mutant; its value `stats` reports each call instead."""
NO_MUTANT = "presence.model.none"
"""What chooses no mutant: the control, which has to survive."""

_FORK = get_context("fork")


@dataclass
class _Running:
    """A fork, and the time at which it is given up."""

    name: str
    process: ForkProcess
    deadline_s: float


class Forks:
    """Tries the mutants whose names match a pattern, and appends one line of each to `results`."""

    def __init__(self, names: list[str], patterns: list[str], results: Path) -> None:
        self.names = [name for pattern in patterns for name in names if fnmatch(name, pattern)]
        self.results = results
        self.reached: dict[str, tuple[float, set[str]]] = {}
        self.killers: dict[str, Counter[str]] = defaultdict(Counter)
        settings.register_profile(
            "mutation",
            max_examples=EXAMPLES,
            derandomize=True,
            deadline=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Measure what each test reaches in a first fork; then one fork of each mutant, WORKERS at a time."""
        items = {item.nodeid: item for item in session.items if "[oracle" not in item.nodeid}
        receiver, _ = _start(_measure, list(items.values()))
        self.reached = {test: (seconds, set(names)) for test, seconds, names in receiver.recv()}
        sys.stderr.write(f"{len(self.names)} mutants, {len(self.reached)} tests\n")
        receiver, _ = _start(_try, NO_MUTANT, [items[test] for test in self.reached])
        if (control := receiver.recv()) != ("survived", ""):
            pytest.exit(f"without a mutant it is {control}", returncode=1)
        waiting = iter(self.names)
        running: dict[Connection, _Running] = {}
        with self.results.open("a") as file:
            while True:
                while len(running) < WORKERS and (name := next(waiting, None)):
                    tests = [items[test] for test in self._order(name)]
                    receiver, process = _start(_try, name, tests)
                    running[receiver] = _Running(name, process, time.monotonic() + DEADLINE_S)
                if not running:
                    return True
                for name, outcome, test in _ended(running):
                    if test:
                        self.killers[_function(name)][test] += 1
                    print(
                        json.dumps({"mutant": name, "outcome": outcome, "test": test}), file=file, flush=True
                    )

    def _order(self, name: str) -> list[str]:
        """The tests that reach a mutant: first those that killed others of its function, then the quickest."""
        function = _function(name)
        kills = self.killers[function]
        tests = [test for test, (_, functions) in self.reached.items() if function in functions]
        return sorted(tests, key=lambda test: (-kills[test], self.reached[test][0]))


def _function(mutant: str) -> str:
    return mutant.rpartition("__mutmut_")[0]


def _start(job: Callable[..., None], *given: object) -> tuple[Connection, ForkProcess]:
    receiver, sender = _FORK.Pipe(duplex=False)
    process = _FORK.Process(target=job, args=(*given, sender))
    process.start()
    sender.close()
    return receiver, process


def _ended(running: dict[Connection, _Running]) -> list[tuple[str, str, str]]:
    """Wait for the next forks to end; the mutant, outcome, and killing test of each."""
    ended = []
    ready = wait(list(running), timeout=1)
    for receiver, fork in list(running.items()):
        late = time.monotonic() > fork.deadline_s
        if receiver not in ready and not late:
            continue
        try:
            outcome, test = receiver.recv() if receiver in ready else ("timed out", "")
        except EOFError:
            outcome, test = "crashed", ""
        fork.process.kill()
        fork.process.join()
        del running[receiver]
        ended.append((fork.name, outcome, test))
    return ended


def _try(mutant: str, items: list[pytest.Item], sender: Connection) -> None:
    """Run the tests on a mutant until one fails."""
    os.environ[CHOICE] = mutant
    _forget()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
    for item, following in zip(items, [*items[1:], None], strict=True):
        reports = runtestprotocol(item, nextitem=following, log=False)
        if any(report.failed for report in reports):
            sender.send(("killed", item.nodeid))
            return
    sender.send(("survived", ""))


def _measure(items: list[pytest.Item], sender: Connection) -> None:
    """Of each test its seconds and the functions of the core that it reaches."""
    os.environ[CHOICE] = "stats"
    told = []
    for item, following in zip(items, [*items[1:], None], strict=True):
        names: set[str] = set()
        _forget()
        trampoline.record_trampoline_hit = lambda name, names=names, **_: names.add(name)
        begun = time.monotonic()
        reports = runtestprotocol(item, nextitem=following, log=False)
        if any(report.failed for report in reports):
            continue
        told.append((item.nodeid, time.monotonic() - begun, sorted(names)))
    sender.send(told)


def _forget() -> None:
    """Empty the caches of the core: what they hold was made by another mutant, or hides a call."""
    for name, module in list(sys.modules.items()):
        if name.startswith("presence.model."):
            for value in vars(module).values():
                getattr(value, "cache_clear", lambda: None)()
