"""Services that are kept running: started again after a pause, not if they are done or were given something wrong."""

import asyncio
import os
import signal
import sys
from io import StringIO
from pathlib import Path

import pytest

from presence.cli import supervise
from presence.cli.supervise import Member, Supervisor, pause_s

COUNTED = """
import sys, pathlib
path = pathlib.Path(sys.argv[1])
runs = len(path.read_text()) + 1 if path.exists() else 1
path.write_text("x" * runs)
print("run", runs, flush=True)
sys.exit(0 if runs == 3 else 1)
"""
FOR_EVER = "import time; print('up', flush=True); time.sleep(600)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"


def member(name: str, code: str, *arguments: str, needed: bool = True) -> Member:
    return Member(
        name=name,
        command=[sys.executable, "-c", code, *arguments],
        environment=dict(os.environ),
        needed=needed,
    )


async def _stopped(supervisor: Supervisor, out: StringIO, *, after: str) -> int:
    running = asyncio.create_task(supervisor.run())
    async with asyncio.timeout(60):
        while after not in out.getvalue():  # noqa: ASYNC110 (its output has no event)
            await asyncio.sleep(0.05)
    os.kill(os.getpid(), signal.SIGTERM)
    return await running


def test_pauses_grow_and_are_bounded() -> None:
    pauses = [pause_s(failures) for failures in range(1, 40)]
    assert pauses == sorted(pauses)
    assert pauses[0] == supervise.PAUSE_S
    assert pauses[-1] == supervise.PAUSE_S_MAX


def test_what_fails_is_started_again_until_it_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervise, "PAUSE_S", 0.05)
    out = StringIO()
    assert asyncio.run(Supervisor([member("job", COUNTED, str(tmp_path / "runs"))], out).run()) == 0
    told = out.getvalue()
    assert [f"run {number}" in told for number in (1, 2, 3, 4)] == [True, True, True, False]
    assert "ended with 1; starts again" in told


def test_a_wrong_setting_ends_everything_with_its_code() -> None:
    out = StringIO()
    members = [member("wrong", "import sys; sys.exit(2)"), member("other", FOR_EVER)]
    assert asyncio.run(Supervisor(members, out).run()) == 2
    assert "was given something wrong" in out.getvalue()


def test_what_is_only_beside_the_services_ends_nothing() -> None:
    out = StringIO()
    members = [member("extra", "import sys; sys.exit(2)", needed=False), member("service", FOR_EVER)]
    supervisor = Supervisor(members, out)
    assert asyncio.run(_stopped(supervisor, out, after="up")) == 0


def test_sigterm_ends_everybody_also_who_does_not_listen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervise, "STOP_S", 0.5)
    out = StringIO()
    supervisor = Supervisor([member("service", STUBBORN)], out)
    assert asyncio.run(_stopped(supervisor, out, after="up")) == 0


def test_a_line_without_end_is_told_in_pieces_and_stops_nothing() -> None:
    out = StringIO()
    code = f"import sys; sys.stdout.write('x' * {3 * supervise.LINE_BYTES_MAX}); print('end')"
    assert asyncio.run(Supervisor([member("loud", code)], out).run()) == 0
    assert "end" in out.getvalue()
    assert out.getvalue().count("x") == 3 * supervise.LINE_BYTES_MAX
