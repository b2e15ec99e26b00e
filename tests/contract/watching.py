"""A gateway and its clients as the tests of its API use them."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from presence.events.vocabulary import PersonId
from presence.log.settings import Settings
from presence.v1.service_pb2 import (
    WatchScoresRequest,
    WatchScoresResponse,
)
from presence.v1.service_pb2_grpc import ScoreServiceStub

Person = Callable[[int], PersonId]
TIMEOUT_S = 30.0
STOP_S_MAX = 30.0


class Scores(Protocol):
    settings: Settings

    def publish(self, numbers: Any, *, presence: int = 1000, revision: int | None = None) -> None: ...
    def erase(self, number: int) -> None: ...
    def write(self, key: str, value: bytes) -> None: ...


class Gateway(Protocol):
    settings: Settings
    process: "subprocess.Popen[bytes]"
    address: str
    channel: grpc.Channel
    log_path: Path

    @property
    def scores(self) -> ScoreServiceStub: ...
    def start(self) -> None: ...
    def connect(self, *more: tuple[str, int]) -> grpc.Channel: ...
    def kill(self) -> None: ...
    def logged(self, event: str) -> dict[str, str]: ...
    def wait_until_serving(self) -> None: ...


def refusal(error: grpc.RpcError) -> tuple[grpc.StatusCode, str, dict[str, str]]:
    """Code, reason and violations by field, read as AIP-193 says."""
    assert isinstance(error, grpc.Call)
    status = rpc_status.from_call(error)
    assert status is not None
    info, bad_request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    asked = error_details_pb2.RequestInfo()
    for detail in status.details:
        assert any(detail.Unpack(known) for known in (info, bad_request, asked))
    assert info.domain == "presence.v1"
    assert asked.request_id
    return error.code(), info.reason, {row.field: row.description for row in bad_request.field_violations}


class Watching:
    """A plain watch that remembers what it was told, and takes no step back."""

    def __init__(
        self, gateway: Gateway, *people: str, resume_token: str = "", channel: grpc.Channel | None = None
    ) -> None:
        request = WatchScoresRequest(people=people, resume_token=resume_token)
        stub = ScoreServiceStub(channel or gateway.channel)
        self.call = stub.WatchScores(request, timeout=2 * TIMEOUT_S)
        self.resume_token = resume_token
        self.presence: dict[str, int] = {}
        self.seen = 0
        self.conflated = 0
        self._revisions: dict[str, str] = {}

    def next(self) -> WatchScoresResponse:
        message = next(self.call)
        self.resume_token = message.resume_token
        self.conflated += message.conflated
        for score in message.scores:
            self.seen += 1
            # A revision is opaque to clients: it can be told that it is another one, and no more.
            assert self._revisions.get(score.person) != score.revision
            self._revisions[score.person] = score.revision
            self.presence[score.person] = score.presence_millipoints
        assert isinstance(message, WatchScoresResponse)
        return message

    def until_caught_up(self) -> None:
        while not self.next().caught_up:
            pass

    def until(self, person: str, presence: int) -> None:
        while self.presence.get(person) != presence:
            self.next()
