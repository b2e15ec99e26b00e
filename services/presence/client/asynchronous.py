"""The typed client for asyncio: as `Client`, with `await` and `async for`."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterable
from functools import cache
from types import TracebackType
from typing import Any, Self, TypeVar

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from presence.client import conduct, questions
from presence.client.access import NONE, Access
from presence.client.acts import Act
from presence.client.answers import Batch, Closing, Explanation, Page, Ranked, Simulation
from presence.client.client import EVERY_KIND, TIMEOUT_S, pause_before
from presence.client.errors import from_rpc
from presence.client.findings import Finding
from presence.client.questions import ACTS_PAGE, HypotheticalAct, Question, Since
from presence.client.score import Score
from presence.client.watch import Progress, Update
from presence.events.vocabulary import Category, Decision, Grounds, PersonKind, Severity
from presence.v1.service_pb2_grpc import ScoreServiceStub

T = TypeVar("T")


class AsyncClient:
    """Calls the gateway at `address` (`host:port`) from one event loop. What it says and raises is what `Client` does."""

    def __init__(self, address: str, *, access: Access = NONE, timeout_s: float = TIMEOUT_S) -> None:
        """Raises CallerError if `access` cannot be used. Needs a running event loop."""
        self.address = address
        self._timeout_s = timeout_s
        self._metadata = access.metadata()
        self._channel = access.channel(address, asynchronous=True)
        self._stub = cache(self._made)
        self._health: Any = health_pb2_grpc.HealthStub(self._channel)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End all calls."""
        await self._channel.close()

    async def get_score(
        self, person: str, *, min_revision: str = "", timeout_s: float | None = None
    ) -> Score:
        """As `Client.get_score`."""
        return await self._ask(questions.get_score(person, min_revision), timeout_s)

    async def batch_get_scores(
        self, people: Iterable[str], *, min_revision: str = "", timeout_s: float | None = None
    ) -> Batch:
        """As `Client.batch_get_scores`."""
        return await self._ask(questions.batch_get_scores(people, min_revision), timeout_s)

    async def list_page(
        self,
        *,
        kind: PersonKind = EVERY_KIND,
        order_by: str = "",
        page_size: int = 0,
        page_token: str = "",
        min_revision: str = "",
        timeout_s: float | None = None,
    ) -> Page:
        """As `Client.list_page`."""
        asked = questions.list_scores(kind, order_by, page_size, page_token, min_revision)
        return await self._ask(asked, timeout_s)

    async def list_scores(
        self, *, kind: PersonKind = EVERY_KIND, order_by: str = "", page_size: int = 0
    ) -> AsyncIterator[Score]:
        """As `Client.list_scores`."""
        token = ""
        while True:
            page = await self.list_page(kind=kind, order_by=order_by, page_size=page_size, page_token=token)
            for score in page.scores:
                yield score
            token = page.next_page_token
            if not token:
                return

    async def get_rank(
        self, person: str, *, min_revision: str = "", timeout_s: float | None = None
    ) -> Ranked:
        """As `Client.get_rank`."""
        return await self._ask(questions.get_rank(person, min_revision), timeout_s)

    async def explain_score(
        self,
        person: str,
        *,
        since_day: str = "",
        since_revision: str = "",
        acts: int = 0,
        links: bool = False,
        min_revision: str = "",
        timeout_s: float | None = None,
    ) -> Explanation:
        """As `Client.explain_score`."""
        since = Since(since_day, since_revision, acts, links)
        return await self._ask(questions.explain_score(person, since, min_revision), timeout_s)

    async def acts(
        self, person: str, *, since_day: str = "", since_revision: str = "", links: bool = False
    ) -> AsyncIterator[Act]:
        """As `Client.acts`."""
        since = Since(since_day, since_revision, ACTS_PAGE, links)
        while True:
            explained = await self._ask(questions.explain_score(person, since, ""), None)
            if explained.change is None:
                return
            page = explained.change.acts
            for act in page.acts:
                yield act
            if not page.next_page_token:
                return
            since = since._replace(page_token=page.next_page_token)

    async def history(
        self, person: str, *, first_day: str = "", last_day: str = "", page_size: int = 0
    ) -> AsyncIterator[Closing]:
        """As `Client.history`."""
        token = ""
        while True:
            asked = questions.get_history(person, first_day, last_day, page_size, token)
            page = await self._ask(asked, None)
            for closing in page.closings:
                yield closing
            token = page.next_page_token
            if not token:
                return

    async def simulate_score(
        self,
        person: str,
        findings: Iterable[tuple[Severity, int]] = (),
        *,
        acts: Iterable[HypotheticalAct] = (),
        days: int = 0,
        step_days: int = 0,
        timeout_s: float | None = None,
    ) -> Simulation:
        """As `Client.simulate_score`."""
        return await self._ask(questions.simulate_score(person, findings, acts, days, step_days), timeout_s)

    async def list_findings(self, person: str, *, timeout_s: float | None = None) -> list[Finding]:
        """As `Client.list_findings`."""
        return await self._ask(conduct.list_findings(person), timeout_s)

    async def create_finding(
        self,
        person: str,
        severity: Severity,
        category: Category,
        *,
        occurred_ms: int = 0,
        grounds: Grounds = Grounds.REVIEWED,
        note: str = "",
        request_id: str = "",
        timeout_s: float | None = None,
    ) -> Finding:
        """As `Client.create_finding`."""
        asked = conduct.create_finding(
            person,
            severity,
            category,
            occurred_ms=occurred_ms,
            grounds=grounds,
            note=note,
            request_id=request_id or secrets.token_hex(16),
        )
        return await self._ask(asked, timeout_s)

    async def appeal_finding(
        self, person: str, finding: str, *, note: str = "", timeout_s: float | None = None
    ) -> Finding:
        """As `Client.appeal_finding`."""
        return await self._ask(conduct.appeal_finding(person, finding, note), timeout_s)

    async def decide_finding(
        self,
        person: str,
        finding: str,
        decision: Decision,
        *,
        grounds: Grounds = Grounds.UNSPECIFIED,
        note: str = "",
        timeout_s: float | None = None,
    ) -> Finding:
        """As `Client.decide_finding`."""
        return await self._ask(conduct.decide_finding(person, finding, decision, grounds, note), timeout_s)

    def watch(self, people: Iterable[str] = (), *, resume_token: str = "") -> "AsyncWatch":
        """As `Client.watch`; for `async for`."""
        watched = tuple(people)

        def call(token: str) -> Any:
            return self._stub(ScoreServiceStub).WatchScores(
                questions.watch_scores(watched, token), metadata=self._metadata
            )

        return AsyncWatch(call, self.address, resume_token)

    async def serving(self, *, timeout_s: float = TIMEOUT_S) -> bool:
        """As `Client.serving`."""
        try:
            answer = await self._health.Check(health_pb2.HealthCheckRequest(), timeout=timeout_s)
        except grpc.RpcError:
            return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

    def _made(self, service: Callable[[Any], Any]) -> Any:
        return service(self._channel)

    async def _ask(self, question: Question[T], timeout_s: float | None) -> T:
        deadline = time.monotonic() + (self._timeout_s if timeout_s is None else timeout_s)
        call = getattr(self._stub(question.service), question.method)
        attempts = 0
        while True:
            try:
                left_s = max(0.0, deadline - time.monotonic())
                return question.read(await call(question.request, timeout=left_s, metadata=self._metadata))
            except grpc.RpcError as failure:
                attempts += 1
                pause_s = pause_before(from_rpc(failure, self.address), attempts, deadline)
            await asyncio.sleep(pause_s)


class AsyncWatch(AsyncIterator[Update]):
    """As `Watch`: iterate over it with `async for`; cancelling the iteration, or `close`, ends the call."""

    def __init__(self, call: Callable[[str], Any], address: str, resume_token: str) -> None:
        """`call` begins WatchScores at a token, and returns the stream."""
        self._call = call
        self._progress = Progress(address, resume_token)
        self._stream: Any = None
        self._closed = False

    @property
    def resume_token(self) -> str:
        """Where another watch would go on."""
        return self._progress.resume_token

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the watch."""
        self._closed = True
        if self._stream is not None:
            self._stream.cancel()

    async def __anext__(self) -> Update:
        while not self._closed:
            failure: grpc.RpcError | None = None
            try:
                if self._stream is None:
                    self._stream = self._call(self.resume_token)
                message = await self._stream.read()
                if message is not grpc.aio.EOF:
                    return self._progress.received(message)
            except grpc.RpcError as error:
                failure = error
            except asyncio.CancelledError:
                if not self._closed:
                    raise
                break
            self._stream = None
            await asyncio.sleep(self._progress.failed(failure))
        raise StopAsyncIteration
