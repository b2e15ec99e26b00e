"""The typed client and the commands on top of it, against a running gateway."""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from presence.client import (
    Client,
    DeadlineExceeded,
    InvalidArgument,
    NotFound,
    ResumeTokenUnknown,
    Unavailable,
    Violation,
)

Person = Callable[[int], str]
TIMEOUT_S = 30.0


def test_scores_come_as_frozen_data_and_errors_by_type(gateway: Any, scores: Any, person: Person) -> None:
    scores.publish([1, 2], presence=41_234)
    with Client(gateway.address, timeout_s=TIMEOUT_S) as client:
        with client.watch([person(1)]) as watch:
            assert any(update.scores for update in watch)
        assert client.serving()
        assert client.get_score(person(1)).presence == 41_234
        batch = client.batch_get_scores([person(9), person(1)])
        assert ([score.person for score in batch.scores], batch.not_found) == ([person(1)], (person(9),))
        with pytest.raises(NotFound, match=person(9)):
            client.get_score(person(9))
        with pytest.raises(InvalidArgument) as refused:
            client.batch_get_scores(["bob"])
        assert refused.value.violations == (
            Violation("people[0]", "must be `p_` and 26 characters of [a-z2-7]"),
        )
        with pytest.raises(ResumeTokenUnknown):
            next(client.watch(resume_token="ASAgICAgICAgAAAAAAAAAAc"))


def test_nobody_there_is_unavailable_and_a_silent_one_ends_at_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        host, port = silent.getsockname()
        with Client(f"{host}:{port}", timeout_s=0.3) as client:
            assert not client.serving(timeout_s=0.1)
            with pytest.raises(DeadlineExceeded):
                client.get_score("p_" + "a" * 26)
    with Client(f"{host}:{port}", timeout_s=TIMEOUT_S) as client:
        with pytest.raises(Unavailable):
            client.get_score("p_" + "a" * 26)
        with pytest.raises(Unavailable):
            next(client.watch())


def test_a_watch_goes_on_by_itself_through_restarts_and_repeats_nothing(
    gateway: Any, scores: Any, person: Person
) -> None:
    with Client(gateway.address) as client, client.watch() as watch:
        received: list[tuple[str, int]] = []

        def until(number: int, presence: int) -> None:
            while (person(number), presence) not in received:
                received.extend((score.person, score.presence) for score in next(watch).scores)

        scores.publish([1, 2], presence=1)
        until(2, 1)
        until(1, 1)
        for restart in count(2):
            gateway.kill()
            scores.publish([1], presence=restart)
            gateway.start()
            until(1, restart)
            if restart == 3:
                break
        assert sorted(received) == [(person(1), 1), (person(1), 2), (person(1), 3), (person(2), 1)]


def test_a_watch_can_be_closed_from_another_thread(gateway: Any) -> None:
    with Client(gateway.address) as client:
        watch = client.watch()
        assert next(watch).caught_up
        timer = threading.Timer(0.2, watch.close)
        timer.start()
        assert list(watch) == []
        timer.join()


def test_the_commands_print_scores_as_json_lines(gateway: Any, scores: Any, person: Person) -> None:
    def presence(*arguments: str) -> "subprocess.CompletedProcess[str]":
        environment = os.environ | {
            "PRESENCE_KAFKA": gateway.settings.kafka,
            "PRESENCE_GATEWAY": gateway.address,
        }
        command = [sys.executable, "-m", "presence.cli.main", *arguments]
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )

    scores.publish([1, 2], presence=7)
    watched = presence("watch", "--json", "--count", "2")
    lines = [json.loads(line) for line in watched.stdout.splitlines()]
    assert {(line["person"], line["presence"]) for line in lines} == {(person(1), 7), (person(2), 7)}
    shown = presence("score", person(2), person(9), "--json")
    assert [json.loads(line)["person"] for line in shown.stdout.splitlines()] == [person(2)]
    assert (shown.returncode, shown.stderr) == (1, f"presence: {person(9)} has no score\n")
    assert person(2) in presence("score", person(2)).stdout
    refused = presence("score", "bob")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "people[0]" in refused.stderr
