"""ExplainScore, SimulateScore and GetHistory over a socket, and the commands on top of them."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest

from presence.client import Client, InvalidArgument, NotFound
from presence.events.vocabulary import Severity
from presence.gateway.simulate import Finding, curve
from presence.model.spec import load
from presence.v1.score_pb2 import Model, Pillars, WaterfallEntry
from presence.v1.service_pb2 import HypotheticalFinding, SimulateScoreRequest

Person = Callable[[int], str]
TIMEOUT_S = 30.0
RULES = load()
MODEL = Model(name=RULES.name, hash=RULES.hash)
MICRO = 1_000_000


def entry(name: str, millipoints: int, network: str = "") -> WaterfallEntry:
    account = 7 if network else 0
    return WaterfallEntry(entry=name, network=network, account=account, millipoints=millipoints)


def seen(gateway: Any, look: Callable[[Client], bool]) -> Client:
    """A client, once `look` finds what was published."""
    client = Client(gateway.address, timeout_s=TIMEOUT_S)
    deadline = time.monotonic() + TIMEOUT_S
    while True:
        try:
            if look(client):
                return client
        except NotFound:
            pass
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_an_explanation_adds_up_to_the_score_and_the_change_to_the_change(
    gateway: Any, scores: Any, person: Person
) -> None:
    now = [
        entry("voice", 4_000, "x"),
        entry("reach", 9_000, "x"),
        entry("conduct", -3_000),
        entry("clip", -1),
    ]
    then = [entry("voice", 5_000, "x"), entry("voice", 500, "blog")]
    scores.close_day(1, "2026-11-20", presence_millipoints=5_500, waterfall=then, events=10)
    scores.publish([1], presence=9_999, waterfall=now, events=14, model=MODEL)
    with seen(
        gateway, lambda client: bool(client.get_score(person(1))) and any(client.history(person(1)))
    ) as client:
        plain = client.explain_score(person(1))
        assert [(reason.entry, reason.millipoints) for reason in plain.reasons] == [
            ("reach", 9_000),
            ("voice", 4_000),
            ("clip", -1),
            ("conduct", -3_000),
        ]
        assert sum(reason.millipoints for reason in plain.reasons) == plain.presence == 9_999
        assert plain.change is None
        for day in ("2026-11-20", "2026-11-22"):
            change = client.explain_score(person(1), since_day=day).change
            assert change is not None
            assert (change.day, change.presence, change.events) == ("2026-11-20", 5_500, 4)
            assert sum(reason.millipoints for reason in change.reasons) == 9_999 - 5_500
            assert [(row.entry, row.network, row.millipoints) for row in change.reasons] == [
                ("reach", "x", 9_000),
                ("conduct", "", -3_000),
                ("voice", "x", -1_000),
                ("voice", "blog", -500),
                ("clip", "", -1),
            ]
        with pytest.raises(NotFound, match="no closing score on 2026-11-19"):
            client.explain_score(person(1), since_day="2026-11-19")
        for day in ("yesterday", "2026-13-01", "20261120", "1969-12-31"):
            with pytest.raises(InvalidArgument) as refused:
                client.explain_score(person(1), since_day=day)
            assert [violation.field for violation in refused.value.violations] == ["since_day"]
        with pytest.raises(NotFound):
            client.explain_score(person(9))


def test_a_history_is_every_closed_day_in_order_page_by_page_and_goes_with_the_person(
    gateway: Any, scores: Any, person: Person
) -> None:
    days = [f"2026-11-{day:02d}" for day in range(1, 11)]
    for number, day in enumerate(days):
        scores.close_day(1, day, presence_millipoints=1_000 * number)
    scores.close_day(1, "2026-11-10", presence_millipoints=77)
    scores.close_day(2, "2026-11-05", presence_millipoints=5)
    scores.close_day(1, "2024-01-01", presence_millipoints=1)  # Older than anything that is kept.
    scores.publish([1, 2], presence=1)

    def complete(client: Client) -> bool:
        found = list(client.history(person(1)))
        return bool(found) and found[-1].score.presence == 77 and bool(list(client.history(person(2))))

    with seen(gateway, complete) as client:
        whole = list(client.history(person(1), first_day="2025-12-31"))
        assert [closing.day for closing in whole] == days
        assert [closing.score.presence for closing in whole] == [*(1_000 * number for number in range(9)), 77]
        assert list(client.history(person(1), first_day="2025-12-31", page_size=3)) == whole
        some = client.history(person(1), first_day="2026-11-03", last_day="2026-11-05", page_size=2)
        assert [closing.day for closing in some] == days[2:5]
        with pytest.raises(NotFound):
            list(client.history(person(9)))
        with pytest.raises(InvalidArgument):
            list(client.history(person(1), first_day="x"))
        scores.erase(1)

        def erased() -> bool:
            try:
                return not list(client.history(person(1)))
            except NotFound:
                return True

        deadline = time.monotonic() + TIMEOUT_S
        while not erased():
            assert time.monotonic() < deadline
        scores.publish([1, 3], presence=3)
        with seen(gateway, lambda client: bool(client.get_score(person(3)))) as again:
            with pytest.raises(NotFound):  # Who was erased does not come back.
                list(again.history(person(1)))
            assert len(list(again.history(person(2)))) == 1


def test_a_simulation_is_the_model_applied_to_the_published_score(
    gateway: Any, scores: Any, person: Person
) -> None:
    clean = [entry("reach", 50_000, "x")]
    scores.publish([1], presence=50_000, waterfall=clean, conduct_factor_micro=MICRO, model=MODEL)
    lowest = [entry("reach", 50_000, "x"), entry("conduct", -47_500)]
    scores.publish([2], presence=2_500, waterfall=lowest, conduct_factor_micro=50_000, model=MODEL)
    scores.publish([3], presence=1, model=Model(name="another", hash="0"), conduct_factor_micro=MICRO)
    everybody = [person(number) for number in (1, 2, 3)]
    with seen(gateway, lambda client: not client.batch_get_scores(everybody).not_found) as client:
        found = client.simulate_score(person(1), [(Severity.SEVERE, 0)], days=1_000, step_days=1)
        points = curve(50_000, MICRO, RULES.conduct, [Finding(Severity.SEVERE, 0)], range(1_001))
        assert [tuple(point)[:3] for point in found.curve] == [tuple(point) for point in points]
        assert (found.presence, found.unharmed, found.at_least) == (50_000, 50_000, False)
        back = found.nine_tenths_days
        assert back is not None
        assert found.curve[back].presence >= 45_000 > found.curve[back - 1].presence
        later = client.simulate_score(person(1), [(Severity.MINOR, 10)], days=20, step_days=10)
        assert [point.presence for point in later.curve] == [50_000, 45_241, 45_578]
        assert len(client.simulate_score(person(1)).curve) <= 100
        floor = client.simulate_score(person(2), days=900)
        assert (floor.at_least, floor.unharmed, floor.curve[0].presence) == (True, 50_000, 2_500)
        assert floor.curve[-1].presence > 49_000
        wrong = SimulateScoreRequest(person=person(1), findings=[HypotheticalFinding(in_days=-1)], days=5_000)
        with pytest.raises(grpc.RpcError) as error:
            gateway.scores.SimulateScore(wrong, timeout=TIMEOUT_S)
        assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        other = SimulateScoreRequest(person=person(3))
        with pytest.raises(grpc.RpcError) as error:
            gateway.scores.SimulateScore(other, timeout=TIMEOUT_S)
        assert error.value.code() == grpc.StatusCode.FAILED_PRECONDITION


def test_the_commands_show_it_to_people_and_to_programs(gateway: Any, scores: Any, person: Person) -> None:
    def presence(*arguments: str) -> "subprocess.CompletedProcess[str]":
        environment = os.environ | {
            "PRESENCE_KAFKA": gateway.settings.kafka,
            "PRESENCE_GATEWAY": gateway.address,
        }
        command = [sys.executable, "-m", "presence.cli.main", *arguments]
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )

    today = datetime.now(UTC).date()
    days = [(today - timedelta(days=ago)).isoformat() for ago in (5, 4)]
    for number in (1, 2):
        reasons = [entry("reach", 1_000 * number, "x")]
        scores.publish(
            [number],
            presence=1_000 * number,
            waterfall=reasons,
            model=MODEL,
            conduct_factor_micro=MICRO,
            pillars=Pillars(voice=10 - number),
            kind=1,
        )
    scores.close_day(1, days[0], presence_millipoints=500)
    scores.close_day(1, days[1], presence_millipoints=700)
    people = [person(1), person(2)]
    seen(
        gateway,
        lambda client: (
            not client.batch_get_scores(people).not_found and len(list(client.history(people[0]))) == 2
        ),
    ).close()

    def told(*arguments: str) -> list[Any]:
        done = presence(*arguments, "--json")
        assert (done.returncode, done.stderr) == (0, "")
        return [json.loads(line) for line in done.stdout.splitlines()]

    assert [row["person"] for row in told("top")] == people[::-1]
    assert [row["person"] for row in told("top", "--by", "voice", "--count", "1")] == people[:1]
    assert told("rank", person(1))[0]["among_all"]["rank"] == 2
    assert told("explain", person(1))[0]["presence"] == 1_000
    assert told("explain", person(1), "--since", days[1])[0]["change"]["presence"] == 700
    assert [row["day"] for row in told("history", person(1), "--days", "400")] == days
    assert (
        told("simulate", person(1), "--finding", "severe", "--days", "30")[0]["curve"][0]["presence"] == 100
    )
    for arguments in (
        ("top", "--by", "voice"),
        ("rank", person(1)),
        ("explain", person(1), "--since", days[1]),
        ("history", person(1), "--days", "400"),
        ("simulate", person(1), "--finding", "minor:3"),
    ):
        shown = presence(*arguments)
        assert (shown.returncode, shown.stderr) == (0, "")
        assert person(1) in shown.stdout
    for arguments, says in (
        (("top", "--by", "name"), "order_by"),
        (("top", "--kind", "dog"), "no kind 'dog'"),
        (("rank", "bob"), "person"),
        (("simulate", person(1), "--finding", "awful"), "no severity 'awful'"),
    ):
        refused = presence(*arguments)
        assert (refused.returncode, refused.stdout) == (2, "")
        assert says in refused.stderr
