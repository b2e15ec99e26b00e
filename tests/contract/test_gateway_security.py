"""Who may call what: each method without, with a wrong, an expired and a too narrow credential, over a socket."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import jwt
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from presence.client import Access, Client, Unauthenticated
from presence.events.errors import CallerError
from presence.model.spec import load
from presence.v1 import service_pb2
from presence.v1.score_pb2 import Model
from presence.v1.service_pb2_grpc import ScoreServiceStub

from .credentials import CALLERS, KEY, NARROW_KEY, OLD_KEY, hashed
from .pki import AUDIENCE, ISSUER, Issuer
from .waiting import eventually

Person = Callable[[int], str]
NewGateway = Callable[..., Any]
TIMEOUT_S = 30.0


@pytest.fixture
def asking(scores: Any, new_gateway: NewGateway, issuer: Issuer, tmp_path: Path) -> Any:
    """A gateway that asks for a credential, with the score of person 1."""
    (tmp_path / "callers.toml").write_text(CALLERS)
    environment = {
        "PRESENCE_GATEWAY_CALLERS_FILE": str(tmp_path / "callers.toml"),
        "PRESENCE_GATEWAY_JWKS_FILE": str(issuer.file),
        "PRESENCE_GATEWAY_JWT_ISSUER": ISSUER,
        "PRESENCE_GATEWAY_JWT_AUDIENCE": AUDIENCE,
    }
    model = Model(name="presence-1", hash=load().hash)
    scores.publish([1, 2], presence=7, model=model, conduct_factor_micro=1_000_000)
    started = new_gateway(scores.settings, environment=environment)
    started.wait_until_serving()
    return started


def methods(stub: ScoreServiceStub, person: str) -> dict[str, Callable[..., Any]]:
    """Every method of the service, by name, with a request about `person`."""
    requests = {
        "GetScore": service_pb2.GetScoreRequest(person=person),
        "BatchGetScores": service_pb2.BatchGetScoresRequest(people=[person]),
        "GetRank": service_pb2.GetRankRequest(person=person),
        "ListScores": service_pb2.ListScoresRequest(),
        "ExplainScore": service_pb2.ExplainScoreRequest(person=person),
        "SimulateScore": service_pb2.SimulateScoreRequest(person=person),
        "GetHistory": service_pb2.GetHistoryRequest(person=person),
        "WatchScores": service_pb2.WatchScoresRequest(people=[person]),
    }
    service = service_pb2.DESCRIPTOR.services_by_name["ScoreService"]
    assert set(requests) == {method.name for method in service.methods}

    def calling(name: str) -> Callable[..., Any]:
        def call(credential: str | None) -> Any:
            metadata = [("authorization", f"Bearer {credential}")] if credential is not None else []
            answer = getattr(stub, name)(requests[name], timeout=TIMEOUT_S, metadata=metadata)
            return next(answer) if service.methods_by_name[name].server_streaming else answer

        return call

    return {name: calling(name) for name in requests}


def refused(call: Callable[..., Any], credential: str | None) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as error:
        call(credential)
    assert isinstance(error.value, grpc.Call)
    status = rpc_status.from_call(error.value)
    assert status is not None
    info = error_details_pb2.ErrorInfo()
    assert any(detail.Unpack(info) for detail in status.details)
    return error.value.code(), info.reason


def is_let_in(client: Client, person: str) -> bool:
    try:
        return client.get_score(person).presence == 7
    except Unauthenticated:
        return False


def test_each_method_asks_for_a_credential_that_is_there_right_fresh_and_wide_enough(
    asking: Any, issuer: Issuer, person: Person, tmp_path: Path
) -> None:
    unknown, denied = grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED
    stranger = Issuer(tmp_path / "other.json")
    stranger.kid = issuer.kid
    unsigned = jwt.encode({"iss": ISSUER, "aud": AUDIENCE, "sub": "x", "exp": 2**31}, "", algorithm="none")
    rows: list[tuple[str | None, grpc.StatusCode, str]] = [
        (None, unknown, "CREDENTIALS_MISSING"),
        ("", unknown, "CREDENTIALS_INVALID"),
        ("pk_reader.wrong", unknown, "CREDENTIALS_INVALID"),
        ("pk_nobody.a-secret-of-the-test", unknown, "CREDENTIALS_INVALID"),
        ("pk_batch.", unknown, "CREDENTIALS_INVALID"),
        (OLD_KEY, unknown, "CREDENTIALS_EXPIRED"),
        (NARROW_KEY, denied, "SCOPE_MISSING"),
        ("not.a.token", unknown, "CREDENTIALS_INVALID"),
        (unsigned, unknown, "CREDENTIALS_INVALID"),
        (stranger.token("scores.read explain.read"), unknown, "CREDENTIALS_INVALID"),
        (issuer.token("scores.read", aud="another"), unknown, "CREDENTIALS_INVALID"),
        (issuer.token("scores.read", iss="https://another"), unknown, "CREDENTIALS_INVALID"),
        (issuer.token("scores.read explain.read", age_s=4000), unknown, "CREDENTIALS_EXPIRED"),
        (issuer.token("roster.write conduct.write"), denied, "SCOPE_MISSING"),
        (issuer.token("self", sub=person(2)), denied, "SCOPE_MISSING"),
        (issuer.token("self", sub="somebody"), denied, "SCOPE_MISSING"),
    ]
    for name, call in methods(asking.scores, person(1)).items():
        for credential, code, reason in rows:
            assert refused(call, credential) == (code, reason), (name, credential)
        assert call(KEY) is not None
        assert call(issuer.token("scores.read explain.read")) is not None
        if name == "ListScores":
            assert refused(call, issuer.token("self", sub=person(1))) == (denied, "SCOPE_MISSING")
        else:
            assert call(issuer.token("self", sub=person(1))) is not None


def test_explaining_needs_its_own_scope_and_is_written_to_the_audit_log(
    asking: Any, issuer: Issuer, person: Person
) -> None:
    reader, explainer = issuer.token("scores.read", sub="alice@example"), issuer.token("explain.read")
    every = methods(asking.scores, person(1))
    for name in ("ExplainScore", "SimulateScore"):
        assert refused(every[name], reader) == (grpc.StatusCode.PERMISSION_DENIED, "SCOPE_MISSING")
        assert every[name](explainer)
        assert refused(every[name], None)[1] == "CREDENTIALS_MISSING"
    assert every["GetScore"](reader)
    assert refused(every["GetScore"], explainer)[1] == "SCOPE_MISSING"
    lines = [json.loads(line) for line in asking.log_path.read_text().splitlines() if line.startswith("{")]
    audited = [line for line in lines if line["event"] == "audit"]
    assert [(line["method"], line["outcome"]) for line in audited] == [
        ("ExplainScore", "SCOPE_MISSING"),
        ("ExplainScore", "OK"),
        ("SimulateScore", "SCOPE_MISSING"),
        ("SimulateScore", "OK"),
    ]
    assert len({line["request_id"] for line in audited}) == 4
    assert len({line["caller"] for line in audited}) == 2
    about = hashlib.sha256(person(1).encode()).hexdigest()[:16]
    assert {tuple(line["subjects"]) for line in audited} == {(about,)}
    assert person(1) not in asking.log_path.read_text()
    assert "alice" not in asking.log_path.read_text()


def test_self_is_nobody_else_and_not_everybody(asking: Any, issuer: Issuer, person: Person) -> None:
    own = [("authorization", f"Bearer {issuer.token('self', sub=person(1))}")]
    for people in ([], [person(2)], [person(1), person(2)]):
        request = service_pb2.WatchScoresRequest(people=people)
        with pytest.raises(grpc.RpcError) as error:
            next(asking.scores.WatchScores(request, timeout=TIMEOUT_S, metadata=own))
        assert error.value.code() == grpc.StatusCode.PERMISSION_DENIED


def test_a_key_that_is_taken_out_of_the_file_is_worth_nothing_soon_after(
    asking: Any, person: Person, tmp_path: Path
) -> None:
    file = tmp_path / "callers.toml"
    with Client(asking.address, access=Access(token=KEY)) as client:
        assert is_let_in(client, person(1))
        file.write_text("[[caller]]\nid = 7")
        eventually(lambda: is_let_in(client, person(1)) and "not_reloaded" in asking.log_path.read_text())
        file.write_text(CALLERS.replace(hashed(KEY), hashed(OLD_KEY)))
        eventually(lambda: not is_let_in(client, person(1)))
    assert KEY.partition(".")[2] not in asking.log_path.read_text()


def test_who_calls_too_often_is_told_how_long_to_wait(
    scores: Any, new_gateway: NewGateway, person: Person
) -> None:
    environment = {
        "PRESENCE_GATEWAY_ANONYMOUS_SCOPES": "scores.read",
        "PRESENCE_GATEWAY_CALLS_PER_S_MAX": "0.01",
    }
    scores.publish([1])
    gateway = new_gateway(scores.settings, environment=environment)
    gateway.wait_until_serving()
    request = service_pb2.GetScoreRequest(person=person(1))
    assert gateway.scores.GetScore(request, timeout=TIMEOUT_S)
    with pytest.raises(grpc.RpcError) as error:
        gateway.scores.GetScore(request, timeout=TIMEOUT_S)
    assert error.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    retry = error_details_pb2.RetryInfo()
    status = rpc_status.from_call(error.value)
    assert status is not None
    assert any(detail.Unpack(retry) for detail in status.details)
    assert 0 < retry.retry_delay.ToSeconds() <= 100


def test_a_request_keeps_its_id_into_the_refusal(asking: Any, person: Person) -> None:
    for given, kept in (("abc-123", True), ("no spaces", False)):
        with pytest.raises(grpc.RpcError) as error:
            asking.scores.GetScore(
                service_pb2.GetScoreRequest(person=person(1)),
                timeout=TIMEOUT_S,
                metadata=[("x-request-id", given)],
            )
        status = rpc_status.from_call(error.value)
        assert status is not None
        info = error_details_pb2.RequestInfo()
        assert any(detail.Unpack(info) for detail in status.details)
        assert (info.request_id == given) == kept
        assert info.request_id


@pytest.mark.parametrize(
    ("address", "environment", "says"),
    [
        ("0.0.0.0:0", {}, "nothing says who may call"),
        ("[::]:0", {"PRESENCE_GATEWAY_PLAINTEXT": "true"}, "nothing says who may call"),
        ("0.0.0.0:0", {"PRESENCE_GATEWAY_ANONYMOUS_SCOPES": "scores.read"}, "keys would travel in clear"),
        ("127.0.0.1:0", {"PRESENCE_GATEWAY_ANONYMOUS_SCOPES": "all"}, "there is no scope 'all'"),
        ("127.0.0.1:0", {"PRESENCE_GATEWAY_CALLERS_FILE": "/nowhere"}, "/nowhere: No such file"),
        ("127.0.0.1:0", {"PRESENCE_GATEWAY_JWKS_FILE": "/nowhere"}, "need PRESENCE_GATEWAY_JWT_ISSUER"),
        ("127.0.0.1:0", {"PRESENCE_GATEWAY_CERT_FILE": "/nowhere"}, "go together"),
        ("127.0.0.1:0", {"PRESENCE_GATEWAY_CLIENT_CA_FILE": "/nowhere"}, "mTLS is TLS first"),
        ("127.0.0.1:0", {"PRESENCE_GATEWAY_REFLECTION": "perhaps"}, "PRESENCE_GATEWAY_"),
    ],
)
def test_settings_that_would_let_anybody_in_or_contradict_each_other_are_one_clear_line(
    tmp_path: Path, address: str, environment: dict[str, str], says: str
) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "presence.gateway"],
        env={"PRESENCE_GATEWAY": address, "PRESENCE_DATA": str(tmp_path)} | environment,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert ended.returncode == 2
    assert says in ended.stderr.splitlines()[-1]


def test_the_command_makes_a_key_that_a_running_gateway_takes(asking: Any, person: Person) -> None:
    file = asking.environment["PRESENCE_GATEWAY_CALLERS_FILE"]

    def made(*arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "presence.cli.main", "key", *arguments, "--file", file]
        return subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)

    key = made("new-one", "--scope", "scores.read").stdout.strip()
    access = Access(token=key)
    with Client(asking.address, access=access) as client:
        eventually(lambda: is_let_in(client, person(1)))
    again = made("new-one", "--scope", "scores.read")
    assert (again.returncode, again.stdout) == (2, "")
    assert "new-one is there twice" in again.stderr


def test_a_token_does_not_leave_this_machine_in_clear() -> None:
    with pytest.raises(CallerError, match="only over TLS"):
        Client("gateway.example:50051", access=Access(token=KEY))
