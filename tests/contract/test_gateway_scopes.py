"""Which scope each method of each service asks for, found in the protos, so that a new method cannot be forgotten; and keys by URL."""

import http.server
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message_factory import GetMessageClass

from presence.gateway.scopes import Scope
from presence.roster.keys import MasterKey
from presence.v1 import conduct_service_pb2, roster_service_pb2, service_pb2

from .credentials import CALLERS, NARROW_KEY, OLD_KEY
from .pki import AUDIENCE, ISSUER, Issuer
from .waiting import eventually

Person = Callable[[int], str]
TIMEOUT_S = 30.0
READ, EXPLAIN, ROSTER, CONDUCT = (
    Scope.SCORES_READ,
    Scope.EXPLAIN_READ,
    Scope.ROSTER_WRITE,
    Scope.CONDUCT_WRITE,
)
NEEDS = {
    "GetScore": READ,
    "BatchGetScores": READ,
    "GetRank": READ,
    "ListScores": READ,
    "GetHistory": READ,
    "WatchScores": READ,
    "ExplainScore": EXPLAIN,
    "SimulateScore": EXPLAIN,
    "ListFindings": EXPLAIN,
    "EnrolPerson": ROSTER,
    "GetPerson": ROSTER,
    "ListPeople": ROSTER,
    "LinkAccount": ROSTER,
    "UnlinkAccount": ROSTER,
    "ExportPerson": ROSTER,
    "ErasePerson": ROSTER,
    "CreateFinding": CONDUCT,
    "AppealFinding": CONDUCT,
    "DecideFinding": CONDUCT,
}
NOT_FOR_SELF = {"ListScores", "EnrolPerson", "ListPeople", "CreateFinding", "DecideFinding"}
"""What nobody may do for being who they are."""
METHODS = [
    method
    for file in (service_pb2, roster_service_pb2, conduct_service_pb2)
    for service in file.DESCRIPTOR.services_by_name.values()
    for method in service.methods
]


class Keys:
    """An issuer's JWKS endpoint: HTTP on a port of this machine."""

    def __init__(self, file: Path) -> None:
        self.broken = False
        keys = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(500 if keys.broken else 200)
                self.end_headers()
                self.wfile.write(b"out of order" if keys.broken else file.read_bytes())

            def log_message(self, *_: object) -> None: ...

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/jwks.json"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def keys(issuer: Issuer) -> Iterator[Keys]:
    started = Keys(issuer.file)
    yield started
    started.close()


@pytest.fixture
def asking(scores: Any, new_gateway: Callable[..., Any], keys: Keys, tmp_path: Path) -> Any:
    """A gateway with all services, whose keys stand at a URL."""
    (tmp_path / "callers.toml").write_text(CALLERS)
    MasterKey.load(scores.settings)
    scores.publish([1], presence=7)
    started = new_gateway(
        scores.settings,
        environment={
            "PRESENCE_GATEWAY_CALLERS_FILE": str(tmp_path / "callers.toml"),
            "PRESENCE_GATEWAY_JWKS_URL": keys.url,
            "PRESENCE_GATEWAY_JWT_ISSUER": ISSUER,
            "PRESENCE_GATEWAY_JWT_AUDIENCE": AUDIENCE,
        },
    )
    started.wait_until_serving()
    return started


def called(
    channel: grpc.Channel, method: MethodDescriptor, person: str, credential: str | None
) -> grpc.StatusCode:
    """The status of a call about `person`, with nothing else in it; of a stream that of its first message."""
    request: Any = GetMessageClass(method.input_type)()
    if "person" in method.input_type.fields_by_name:
        request.person = person
    if "people" in method.input_type.fields_by_name:
        request.people.append(person)
    make = channel.unary_stream if method.server_streaming else channel.unary_unary
    path = f"/{method.containing_service.full_name}/{method.name}"
    metadata = () if credential is None else (("authorization", f"Bearer {credential}"),)
    call: Any = make(path, request_serializer=lambda one: one.SerializeToString())
    try:
        answer = call(request, timeout=TIMEOUT_S, metadata=metadata)
        if method.server_streaming:
            next(answer)
            answer.cancel()
    except grpc.RpcError as error:
        found: grpc.StatusCode = error.code()
        return found
    return grpc.StatusCode.OK


def test_every_method_of_the_protos_has_a_scope_here() -> None:
    assert {method.name for method in METHODS} == set(NEEDS)


def test_each_method_asks_for_its_own_scope_and_no_other(asking: Any, issuer: Issuer, person: Person) -> None:
    unknown, denied = grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED
    ada, wrong = person(1), {}
    for method in METHODS:
        wanted = {
            None: unknown,
            "pk_reader.wrong": unknown,
            OLD_KEY: unknown,
            "not.a.token": unknown,
            issuer.token(" ".join(Scope), age_s=4000): unknown,
            issuer.token(" ".join(set(Scope) - {NEEDS[method.name], Scope.SELF})): denied,
            issuer.token("self", sub=person(2)): denied,
            issuer.token("", sub=ada): denied,
        }
        if method.name in NOT_FOR_SELF:
            wanted[issuer.token("self", sub=ada)] = denied
        for credential, code in wanted.items():
            if (found := called(asking.channel, method, ada, credential)) != code:
                wrong[method.name, credential] = found
        enough = [issuer.token(NEEDS[method.name])]
        if method.name not in NOT_FOR_SELF:
            enough.append(issuer.token("self", sub=ada))
        for credential in enough:
            if (found := called(asking.channel, method, ada, credential)) in {unknown, denied}:
                wrong[method.name, credential] = found
    assert wrong == {}


def test_keys_at_a_url_are_changed_and_an_issuer_that_is_down_takes_nobody_s_right(
    asking: Any, issuer: Issuer, keys: Keys, person: Person
) -> None:
    (method,) = (each for each in METHODS if each.name == "GetScore")

    def asked(token: str) -> grpc.StatusCode:
        return called(asking.channel, method, person(1), token)

    old = issuer.token("scores.read")
    assert asked(old) == grpc.StatusCode.OK
    keys.broken = True
    assert asked(issuer.token("scores.read", sub="another")) == grpc.StatusCode.OK
    before = json.loads(issuer.file.read_text())
    successor = Issuer(issuer.file)
    assert json.loads(issuer.file.read_text()) != before
    assert asked(successor.token("scores.read")) == grpc.StatusCode.UNAUTHENTICATED
    keys.broken = False
    eventually(lambda: asked(successor.token("scores.read")) == grpc.StatusCode.OK)
    assert asked(old) == grpc.StatusCode.UNAUTHENTICATED, "its key is gone"
    assert asked(NARROW_KEY) == grpc.StatusCode.PERMISSION_DENIED
