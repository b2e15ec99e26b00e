"""The typed, synchronous client of a gateway."""

import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from types import TracebackType
from typing import Any, Self, TypeVar

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from presence.client import conduct, questions, retries
from presence.client.access import NONE, Access
from presence.client.acts import Act
from presence.client.answers import Batch, Closing, Explanation, Page, Ranked, Simulation
from presence.client.errors import from_rpc
from presence.client.findings import Finding
from presence.client.questions import ACTS_PAGE, HypotheticalAct, Question, Since
from presence.client.score import Score
from presence.client.watch import Watch
from presence.events.errors import PresenceError
from presence.events.vocabulary import Category, Decision, Grounds, PersonKind, Severity
from presence.v1.service_pb2_grpc import ScoreServiceStub

TIMEOUT_S = 5.0
EVERY_KIND = PersonKind.UNSPECIFIED

T = TypeVar("T")


class Client:
    """Calls the gateway at `address` (`host:port`). Thread-safe; connects when first used.

    Every method raises the errors of `presence.client.errors`, and ends within `timeout_s` (its own, or the
    client's), in which a gateway that is not there, or too busy, is asked again.
    """

    def __init__(self, address: str, *, access: Access = NONE, timeout_s: float = TIMEOUT_S) -> None:
        """Raises CallerError if `access` cannot be used."""
        self.address = address
        self._timeout_s = timeout_s
        self._metadata = access.metadata()
        self._channel = access.channel(address)
        self._stub = cache(self._made)
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

    def get_score(self, person: str, *, min_revision: str = "", timeout_s: float | None = None) -> Score:
        """The newest score of `person`, and none older than `min_revision`. Raises NotFound if there is none."""
        return self._ask(questions.get_score(person, min_revision), timeout_s)

    def batch_get_scores(
        self, people: Iterable[str], *, min_revision: str = "", timeout_s: float | None = None
    ) -> Batch:
        """The newest scores of 1 to 1000 people."""
        return self._ask(questions.batch_get_scores(people, min_revision), timeout_s)

    def list_page(
        self,
        *,
        kind: PersonKind = EVERY_KIND,
        order_by: str = "",
        page_size: int = 0,
        page_token: str = "",
        min_revision: str = "",
        timeout_s: float | None = None,
    ) -> Page:
        """One page of a list; `order_by` as in ListScoresRequest."""
        asked = questions.list_scores(kind, order_by, page_size, page_token, min_revision)
        return self._ask(asked, timeout_s)

    def list_scores(
        self, *, kind: PersonKind = EVERY_KIND, order_by: str = "", page_size: int = 0
    ) -> Iterator[Score]:
        """Everybody of a kind in order, page after page as they are needed."""
        token = ""
        while True:
            page = self.list_page(kind=kind, order_by=order_by, page_size=page_size, page_token=token)
            yield from page.scores
            token = page.next_page_token
            if not token:
                return

    def get_rank(self, person: str, *, min_revision: str = "", timeout_s: float | None = None) -> Ranked:
        """Where `person` stands. Raises NotFound without a score."""
        return self._ask(questions.get_rank(person, min_revision), timeout_s)

    def explain_score(
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
        """Why the score of `person` is what it is, and what changed since a day such as `2026-11-23` closed, or since a revision.

        With `acts`, up to 1000, the first of the acts behind the change; with `links`, where they can be seen.
        """
        since = Since(since_day, since_revision, acts, links)
        return self._ask(questions.explain_score(person, since, min_revision), timeout_s)

    def acts(
        self, person: str, *, since_day: str = "", since_revision: str = "", links: bool = False
    ) -> Iterator[Act]:
        """Every act behind the change of the score of `person`, in the order of the log, page after page."""
        since = Since(since_day, since_revision, ACTS_PAGE, links)
        while True:
            explained = self._ask(questions.explain_score(person, since, ""), None)
            if explained.change is None:
                return
            page = explained.change.acts
            yield from page.acts
            if not page.next_page_token:
                return
            since = since._replace(page_token=page.next_page_token)

    def history(
        self, person: str, *, first_day: str = "", last_day: str = "", page_size: int = 0
    ) -> Iterator[Closing]:
        """The daily closings of `person`, the oldest first, page after page as they are needed."""
        token = ""
        while True:
            page = self._ask(questions.get_history(person, first_day, last_day, page_size, token), None)
            yield from page.closings
            token = page.next_page_token
            if not token:
                return

    def simulate_score(
        self,
        person: str,
        findings: Iterable[tuple[Severity, int]] = (),
        *,
        acts: Iterable[HypotheticalAct] = (),
        days: int = 0,
        step_days: int = 0,
        timeout_s: float | None = None,
    ) -> Simulation:
        """What findings about conduct, so many days from now, and acts would do to the score of `person`.

        With acts the scoring worker is asked for the person's state: Unavailable if none answers.
        """
        return self._ask(questions.simulate_score(person, findings, acts, days, step_days), timeout_s)

    def list_findings(self, person: str, *, timeout_s: float | None = None) -> list[Finding]:
        """The findings about the conduct of `person`, open and withdrawn. Raises NotFound without a score."""
        return self._ask(conduct.list_findings(person), timeout_s)

    def create_finding(
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
        """Log a finding that a person reached. `occurred_ms` 0: now; `request_id`: the same again makes no second one."""
        asked = conduct.create_finding(
            person,
            severity,
            category,
            occurred_ms=occurred_ms,
            grounds=grounds,
            note=note,
            request_id=request_id or secrets.token_hex(16),
        )
        return self._ask(asked, timeout_s)

    def appeal_finding(
        self, person: str, finding: str, *, note: str = "", timeout_s: float | None = None
    ) -> Finding:
        """Object to a finding, which stands until somebody decides."""
        return self._ask(conduct.appeal_finding(person, finding, note), timeout_s)

    def decide_finding(
        self,
        person: str,
        finding: str,
        decision: Decision,
        *,
        grounds: Grounds = Grounds.UNSPECIFIED,
        note: str = "",
        timeout_s: float | None = None,
    ) -> Finding:
        """Withdraw a finding (WITHDRAWN), uphold it (UPHELD), or open it again (FOUND)."""
        return self._ask(conduct.decide_finding(person, finding, decision, grounds, note), timeout_s)

    def watch(self, people: Iterable[str] = (), *, resume_token: str = "") -> Watch:
        """First the present scores of `people` (everybody's, if empty), or what changed since the token; then changes.

        Goes on by itself after an interruption. No score goes back to an older revision.
        """
        watched = tuple(people)

        def call(token: str) -> object:
            request = questions.watch_scores(watched, token)
            return self._stub(ScoreServiceStub).WatchScores(request, metadata=self._metadata)

        return Watch(call, self.address, resume_token)

    def serving(self, *, timeout_s: float = TIMEOUT_S) -> bool:
        """True if the gateway is there and has caught up with the scores."""
        try:
            answer = self._health.Check(health_pb2.HealthCheckRequest(), timeout=timeout_s)
        except grpc.RpcError:
            return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

    def _made(self, service: Callable[[Any], Any]) -> Any:
        return service(self._channel)

    def _ask(self, question: Question[T], timeout_s: float | None) -> T:
        deadline = time.monotonic() + (self._timeout_s if timeout_s is None else timeout_s)
        call: Any = getattr(self._stub(question.service), question.method)
        attempts = 0
        while True:
            try:
                left_s = max(0.0, deadline - time.monotonic())
                return question.read(call(question.request, timeout=left_s, metadata=self._metadata))
            except grpc.RpcError as failure:
                attempts += 1
                pause_s = pause_before(from_rpc(failure, self.address), attempts, deadline)
            time.sleep(pause_s)


def pause_before(error: PresenceError, attempts: int, deadline: float) -> float:
    """How long to wait before the next attempt; raises `error` if there is no sense in one, or no time until `deadline`."""
    pause_s = retries.pause_s(error, attempts)
    if time.monotonic() + pause_s >= deadline:
        raise error
    return pause_s
