"""How one reaches the gateway: TLS, mTLS, who only connects, and what it tells of itself."""

import json
import os
import resource
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from presence.client import Access, Client, NotPermitted, Unauthenticated, Unavailable
from presence.v1 import service_pb2
from presence.v1.service_pb2_grpc import ScoreServiceStub

from .credentials import CALLERS, KEY, NARROW_KEY
from .pki import Authority

Person = Callable[[int], str]
NewGateway = Callable[..., Any]
TIMEOUT_S = 30.0
IDLE = 10_000


def tls(authority: Authority, *, client: str | None = None) -> grpc.ChannelCredentials:
    pair = authority.issue(client) if client else None
    return grpc.ssl_channel_credentials(
        authority.own.cert_file.read_bytes(),
        pair.key_file.read_bytes() if pair else None,
        pair.cert_file.read_bytes() if pair else None,
    )


def test_tls_refuses_plain_text_and_the_typed_client_speaks_it(
    scores: Any, new_gateway: NewGateway, person: Person, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    server = authority.issue("localhost")
    (tmp_path / "callers.toml").write_text(CALLERS)
    environment = {
        "PRESENCE_GATEWAY_CERT_FILE": str(server.cert_file),
        "PRESENCE_GATEWAY_KEY_FILE": str(server.key_file),
        "PRESENCE_GATEWAY_CALLERS_FILE": str(tmp_path / "callers.toml"),
    }
    scores.publish([1], presence=7)
    gateway = new_gateway(scores.settings, environment=environment, credentials=tls(authority))
    gateway.wait_until_serving()
    with grpc.insecure_channel(gateway.address) as plain, pytest.raises(grpc.RpcError) as error:
        ScoreServiceStub(plain).GetScore(service_pb2.GetScoreRequest(person=person(1)), timeout=TIMEOUT_S)
    assert error.value.code() == grpc.StatusCode.UNAVAILABLE
    access = Access(ca_file=authority.own.cert_file, token=KEY)
    with Client(gateway.address, access=access, timeout_s=TIMEOUT_S) as client:
        assert client.get_score(person(1)).presence == 7
        assert client.serving()
    for token, refusal in (("", Unauthenticated), (NARROW_KEY, NotPermitted)):
        access = Access(ca_file=authority.own.cert_file, token=token)
        with Client(gateway.address, access=access) as client, pytest.raises(refusal):
            client.get_score(person(1))
    environment = os.environ | {
        "PRESENCE_KAFKA": scores.settings.kafka,
        "PRESENCE_GATEWAY": gateway.address,
        "PRESENCE_CLIENT_CA_FILE": str(authority.own.cert_file),
        "PRESENCE_CLIENT_TOKEN": KEY,
    }
    shown = subprocess.run(
        [sys.executable, "-m", "presence.cli.main", "score", person(1), "--json"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert json.loads(shown.stdout)["presence"] == 7


def test_with_mtls_nobody_connects_without_a_certificate_and_a_certificate_says_who_calls(
    scores: Any, new_gateway: NewGateway, person: Person, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    (tmp_path / "stranger").mkdir()
    stranger = Authority(tmp_path / "stranger", "stranger")
    server = authority.issue("localhost")
    (tmp_path / "callers.toml").write_text(CALLERS)
    environment = {
        "PRESENCE_GATEWAY_CERT_FILE": str(server.cert_file),
        "PRESENCE_GATEWAY_KEY_FILE": str(server.key_file),
        "PRESENCE_GATEWAY_CLIENT_CA_FILE": str(authority.own.cert_file),
        "PRESENCE_GATEWAY_CALLERS_FILE": str(tmp_path / "callers.toml"),
    }
    scores.publish([1], presence=7)
    credentials = tls(authority, client="batch.example")
    gateway = new_gateway(scores.settings, environment=environment, credentials=credentials)
    gateway.wait_until_serving()
    request = service_pb2.GetScoreRequest(person=person(1))
    assert gateway.scores.GetScore(request, timeout=TIMEOUT_S).presence_millipoints == 7
    other = authority.issue("another.example")
    pair = stranger.issue("batch.example")
    ca = authority.own.cert_file
    for access, error in (
        (Access(ca_file=ca), Unavailable),
        (Access(ca_file=ca, cert_file=pair.cert_file, key_file=pair.key_file), Unavailable),
        (Access(ca_file=ca, cert_file=other.cert_file, key_file=other.key_file), Unauthenticated),
    ):
        with Client(gateway.address, access=access, timeout_s=TIMEOUT_S) as client, pytest.raises(error):
            client.get_score(person(1))


def test_reflection_is_off_when_told(scores: Any, new_gateway: NewGateway) -> None:
    gateway = new_gateway(scores.settings, environment={"PRESENCE_GATEWAY_REFLECTION": "false"})
    stub = reflection_pb2_grpc.ServerReflectionStub(gateway.channel)
    asked = [reflection_pb2.ServerReflectionRequest(list_services="")]
    with pytest.raises(grpc.RpcError) as error:
        next(stub.ServerReflectionInfo(iter(asked), timeout=TIMEOUT_S))
    assert error.value.code() == grpc.StatusCode.UNIMPLEMENTED


@pytest.fixture
def many_files() -> Iterator[None]:
    """As many open files as the machine allows for, in this process and in those that it starts."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < IDLE + 500:
        pytest.skip(f"{IDLE} connections need that many open files, and this machine allows for {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("many_files")
def test_ten_thousand_silent_connections_keep_nobody_out(scores: Any, new_gateway: NewGateway) -> None:
    gateway = new_gateway(scores.settings)
    gateway.wait_until_serving()
    host, _, port = gateway.address.rpartition(":")
    silent = [socket.create_connection((host, int(port)), timeout=TIMEOUT_S) for _ in range(IDLE)]
    try:
        stub = health_pb2_grpc.HealthStub(gateway.connect())
        answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=TIMEOUT_S)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
    finally:
        for each in silent:
            each.close()
