"""The typed, synchronous client of a gateway."""

from collections.abc import Iterable
from types import TracebackType
from typing import NamedTuple, Self

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from presence.client.access import NONE, Access
from presence.client.errors import from_rpc
from presence.client.score import Score, from_message
from presence.client.watch import Watch
from presence.v1.service_pb2 import BatchGetScoresRequest, GetScoreRequest, WatchScoresRequest
from presence.v1.service_pb2_grpc import ScoreServiceStub

TIMEOUT_S = 5.0


class Batch(NamedTuple):
    """The scores that were found, in the order asked for, and who has none."""

    scores: tuple[Score, ...]
    not_found: tuple[str, ...]


class Client:
    """Calls the gateway at `address` (`host:port`). Thread-safe; connects when first used.

    Every method raises the errors of `presence.client.errors`, and ends within its deadline.
    """

    def __init__(self, address: str, *, access: Access = NONE, timeout_s: float = TIMEOUT_S) -> None:
        """Raises CallerError if `access` cannot be used."""
        self.address = address
        self._timeout_s = timeout_s
        self._metadata = access.metadata()
        self._channel = access.channel(address)
        self._scores = ScoreServiceStub(self._channel)
        self._health = health_pb2_grpc.HealthStub(self._channel)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End all calls."""
        self._channel.close()

    def get_score(self, person: str, *, timeout_s: float | None = None) -> Score:
        """The newest score of `person`. Raises NotFound if there is none."""
        try:
            message = self._scores.GetScore(
                GetScoreRequest(person=person),
                timeout=timeout_s or self._timeout_s,
                metadata=self._metadata,
            )
        except grpc.RpcError as error:
            raise from_rpc(error, self.address) from error
        return from_message(message)

    def batch_get_scores(self, people: Iterable[str], *, timeout_s: float | None = None) -> Batch:
        """The newest scores of 1 to 1000 people."""
        request = BatchGetScoresRequest(people=people)
        try:
            answer = self._scores.BatchGetScores(
                request, timeout=timeout_s or self._timeout_s, metadata=self._metadata
            )
        except grpc.RpcError as error:
            raise from_rpc(error, self.address) from error
        return Batch(tuple(map(from_message, answer.scores)), tuple(answer.not_found))

    def watch(self, people: Iterable[str] = (), *, resume_token: str = "") -> Watch:
        """First the present scores of `people` (everybody's, if empty), or what changed since the token; then changes.

        Goes on by itself after an interruption. No score goes back to an older revision.
        """
        watched = tuple(people)

        def call(token: str) -> object:
            request = WatchScoresRequest(people=watched, resume_token=token)
            return self._scores.WatchScores(request, metadata=self._metadata)

        return Watch(call, self.address, resume_token)

    def serving(self, *, timeout_s: float = TIMEOUT_S) -> bool:
        """True if the gateway is there and has caught up with the scores."""
        try:
            answer = self._health.Check(health_pb2.HealthCheckRequest(), timeout=timeout_s)
        except grpc.RpcError:
            return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)
