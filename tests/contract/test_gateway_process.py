"""How a gateway starts and ends: what it says before it has caught up, at SIGTERM, and where it cannot go on."""

import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from presence.log.settings import Settings
from presence.v1.service_pb2 import (
    BatchGetScoresRequest,
    GetScoreRequest,
    WatchScoresRequest,
)

from .watching import STOP_S_MAX, TIMEOUT_S, Gateway, Person, Scores, Watching, refusal


def test_before_it_has_caught_up_it_says_so_and_answers_nothing(
    settings: Settings, new_gateway: Callable[[Settings], Gateway], person: Person
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        host, port = silent.getsockname()
        gateway = new_gateway(replace(settings, kafka=f"{host}:{port}"))
        health = health_pb2_grpc.HealthStub(gateway.channel)
        for service in ("", "presence.v1.ScoreService"):
            answer = health.Check(health_pb2.HealthCheckRequest(service=service), timeout=TIMEOUT_S)
            assert answer.status == health_pb2.HealthCheckResponse.NOT_SERVING
        calls: list[tuple[Any, Any]] = [
            (gateway.scores.GetScore, GetScoreRequest(person=person(1))),
            (gateway.scores.BatchGetScores, BatchGetScoresRequest(people=[person(1)])),
            (
                lambda *given, **options: next(gateway.scores.WatchScores(*given, **options)),
                WatchScoresRequest(),
            ),
        ]
        for call, request in calls:
            with pytest.raises(grpc.RpcError) as error:
                call(request, timeout=TIMEOUT_S)
            assert refusal(error.value)[:2] == (grpc.StatusCode.UNAVAILABLE, "CATCHING_UP")
        gateway.process.send_signal(signal.SIGTERM)
        assert gateway.process.wait(STOP_S_MAX) == 0


def test_sigterm_says_not_serving_ends_watches_with_a_reason_and_leaves(gateway: Gateway) -> None:
    answers = health_pb2_grpc.HealthStub(gateway.channel).Watch(
        health_pb2.HealthCheckRequest(), timeout=2 * TIMEOUT_S
    )
    states = [next(answers).status]  # The watch stands before the signal is sent.
    watching = Watching(gateway)
    watching.until_caught_up()
    gateway.process.send_signal(signal.SIGTERM)
    with pytest.raises(grpc.RpcError) as error:
        watching.next()
    assert refusal(error.value)[:2] == (grpc.StatusCode.UNAVAILABLE, "GATEWAY_STOPPING")
    assert gateway.process.wait(STOP_S_MAX) == 0
    with pytest.raises(grpc.RpcError):
        states.extend(answer.status for answer in answers)
    assert states == [health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING]


def test_a_record_that_scoring_never_wrote_stops_it_loudly(
    gateway: Gateway, scores: Scores, person: Person
) -> None:
    scores.write(person(1), b"\xff\xff not a score")
    assert gateway.process.wait(TIMEOUT_S) == 1
    assert "InvariantBroken: not a Score: partition" in gateway.log_path.read_text()


def test_a_taken_port_or_folder_is_one_clear_line(gateway: Gateway, tmp_path: Path) -> None:
    def start(address: str, data: Path) -> "subprocess.CompletedProcess[str]":
        environment = {
            "PRESENCE_KAFKA": gateway.settings.kafka,
            "PRESENCE_NAMESPACE": gateway.settings.namespace,
            "PRESENCE_GATEWAY": address,
            "PRESENCE_DATA": str(data),
        }
        return subprocess.run(
            [sys.executable, "-m", "presence.gateway"],
            env=environment,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )

    port = start(gateway.address, tmp_path / "another")
    assert (port.returncode, port.stdout) == (2, "")
    assert f"cannot listen on {gateway.address}" in port.stderr.splitlines()[-1]
    assert "Address already in use" in port.stderr
    folder = start("127.0.0.1:0", gateway.settings.data)
    assert folder.returncode == 2
    assert "another gateway is at work" in folder.stderr.splitlines()[-1]
