"""ScoreService: requests in, stored bytes out. Translates to and from protobuf, and decides nothing about scores."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from presence.events.vocabulary import PersonId
from presence.gateway import order, refusals, requests, resume, wire
from presence.gateway.answers import Chunk, Seen, Standing
from presence.gateway.calls import Call, Method, Send
from presence.gateway.meter import watched
from presence.gateway.order import Order, Place
from presence.gateway.read_model import ReadModel
from presence.gateway.resume import Positions, ResumeToken
from presence.gateway.rows import PRESENCE
from presence.gateway.scopes import Scope
from presence.gateway.watching import Watcher, Watchers
from presence.log.revision import Revision
from presence.v1 import event_pb2, service_pb2
from presence.v1.score_pb2 import Score

SERVICE = service_pb2.DESCRIPTOR.services_by_name["ScoreService"].full_name
MICRO = 1_000_000
PAGES_BYTES_MAX = 16 * 2**20
CHUNKS_MAX = 64
"""Of one state of the model, each as long as a message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of one gateway process."""

    watchers_max: int = 20_000
    """Chosen, with `message_bytes_max`: the most that a gateway of a gigabyte can hold if none of them reads."""
    message_bytes_max: int = 65_536
    """Of the scores in one message of a watch; a single larger score still goes."""
    answer_bytes_max: int = 4 * 2**20 - 65_536
    """Of one batch: what gRPC clients accept by default, less a frame."""
    bookmark_s: float = 10.0
    """How often a quiet watch is told how far it is."""
    stall_s: float = 60.0
    """How long a watcher may have no room for a message."""
    revision_wait_s: float = 5.0
    """How long a read may wait for the revision that it asks for."""


class ScoreServicer:
    """Answers from the read model, once its writer has caught up with the topics."""

    def __init__(self, model: ReadModel, watchers: Watchers, limits: Limits) -> None:
        self._model = model
        self._watchers = watchers
        self._limits = limits
        self._seen: Seen | None = None
        self._moved = asyncio.Event()
        self._pages: dict[tuple[Order, Place | None, int], bytes] = {}
        """Serialised answers of this state of the model: everybody asks for the best of the same lists."""
        self._pages_bytes = 0
        self._chunks: dict[tuple[Positions, Positions], Chunk] = {}

    def moved(self, seen: Seen, people: Collection[PersonId]) -> None:
        """The read model is as far as `seen`, with new scores of `people`. From the first call on there are answers."""
        self._seen = seen
        self._pages, self._pages_bytes = {}, 0
        self._chunks = {}
        self._watchers.publish(people)
        self._moved.set()
        self._moved = asyncio.Event()

    def methods(self) -> tuple[Method, ...]:
        """What this service answers, and to whom."""
        rows: tuple[tuple[str, Any, Callable[[Any], Sequence[str]], Any], ...] = (
            ("GetScore", service_pb2.GetScoreRequest, _person, self.get_score),
            ("BatchGetScores", service_pb2.BatchGetScoresRequest, _people, self.batch_get_scores),
            ("ListScores", service_pb2.ListScoresRequest, _everybody, self.list_scores),
            ("GetRank", service_pb2.GetRankRequest, _person, self.get_rank),
        )
        unary = (
            Method(name=name, request=request, scope=Scope.SCORES_READ, people=people, unary=answer)
            for name, request, people, answer in rows
        )
        watch = Method(
            name="WatchScores",
            request=service_pb2.WatchScoresRequest,
            scope=Scope.SCORES_READ,
            people=_people,
            stream=self.watch_scores,
        )
        return (*unary, watch)

    async def get_score(self, request: service_pb2.GetScoreRequest, call: Call) -> bytes:
        """A serialised Score."""
        person = requests.person("person", request.person)
        self.require_caught_up()
        if request.min_revision:
            await self._reach_of(person, request.min_revision, call)
        score = self._model.score(person)
        if score is None:
            raise refusals.person_unknown(person)
        return score

    async def parsed(self, given: str, min_revision: str, call: Call) -> tuple[PersonId, Score]:
        """The score of a person as `get_score` answers with, for who reads it."""
        request = service_pb2.GetScoreRequest(person=given, min_revision=min_revision)
        return PersonId(given), Score.FromString(await self.get_score(request, call))

    async def batch_get_scores(self, request: service_pb2.BatchGetScoresRequest, call: Call) -> bytes:
        """A serialised BatchGetScoresResponse."""
        people = requests.people("people", request.people, people_min=1)
        self.require_caught_up()
        if request.min_revision:
            await self._reach(request.min_revision, call)
        scores, not_found = self._model.scores(people)
        answer = wire.batch_response(scores, not_found)
        if len(answer) > self._limits.answer_bytes_max:
            raise refusals.answer_too_large(self._limits.answer_bytes_max)
        return answer

    async def list_scores(self, request: service_pb2.ListScoresRequest, call: Call) -> bytes:
        """A serialised ListScoresResponse."""
        wanted = requests.order("order_by", request.order_by, "kind", request.kind)
        rows_max = requests.page_size("page_size", request.page_size)
        after = requests.page_token("page_token", request.page_token, wanted) if request.page_token else None
        self.require_caught_up()
        if request.min_revision:
            await self._reach(request.min_revision, call)
        asked = wanted, after, rows_max
        answer = self._pages.get(asked)
        if answer is None:
            answer = self._page(*asked)
            if self._pages_bytes + len(answer) <= PAGES_BYTES_MAX:
                self._pages[asked] = answer
                self._pages_bytes += len(answer)
        return answer

    def _page(self, wanted: Order, after: Place | None, rows_max: int) -> bytes:
        page = self._model.page(wanted, after, rows_max=rows_max, bytes_max=self._limits.answer_bytes_max)
        token = order.encode(wanted, page.last) if page.last else ""
        return wire.list_response(page.scores, next_page_token=token, total_size=page.total)

    async def get_rank(self, request: service_pb2.GetRankRequest, call: Call) -> bytes:
        """A serialised GetRankResponse."""
        person = requests.person("person", request.person)
        self.require_caught_up()
        if request.min_revision:
            await self._reach_of(person, request.min_revision, call)
        ranked = self._model.rank(person)
        if ranked is None:
            raise refusals.person_unknown(person)
        return service_pb2.GetRankResponse(
            person=person,
            kind=event_pb2.PersonKind.ValueType(ranked.row.kind),
            presence_millipoints=ranked.row.figures[PRESENCE],
            among_all=_rank(ranked.among_all),
            within_kind=_rank(ranked.within_kind),
        ).SerializeToString()

    async def watch_scores(self, request: service_pb2.WatchScoresRequest, call: Call, send: Send) -> None:
        """Send serialised WatchScoresResponses: first what changed since the token, then what changes.

        `send` returns when the client has room for more. Ends only by Refused or cancellation.
        """
        people = frozenset(requests.people("people", request.people, people_min=0))
        given = requests.resume_token("resume_token", request.resume_token) if request.resume_token else None
        since = self._since(given)
        own = None if call.caller.calls_per_s_max is None else call.caller.id
        # The watcher joins before the first read, so that no change falls between the two.
        with self._watchers.joined(people, own) as watcher:
            stream = _Stream(watcher, since, fresh=given is None)
            while True:
                call.check_expiry(call.caller)
                seen = self.require_caught_up()
                chunk = self._read(watcher, stream.since, seen.positions)
                is_live = stream.caught_up
                if (message := stream.message(chunk, seen)) is not None:
                    await self._send(message, send)
                    watched(SERVICE, "WatchScores", seen.observed_ms if is_live and chunk.scores else 0)
                if chunk.complete:
                    await watcher.wait(self._limits.bookmark_s)

    async def _send(self, message: bytes, send: Send) -> None:
        """Raises Refused if the client has no room for the message for too long."""
        try:
            async with asyncio.timeout(self._limits.stall_s):
                await send(message)
        except TimeoutError as error:
            raise refusals.watcher_too_slow(self._limits.stall_s) from error

    def _read(self, watcher: Watcher, since: Positions, until: Positions) -> Chunk:
        bytes_max = self._limits.message_bytes_max
        if watcher.pending is None:
            return self._changes(since, until, bytes_max)
        chunk = self._model.changes_of(watcher.pending, since, until, bytes_max=bytes_max)
        if chunk.complete:
            watcher.pending.clear()
        return chunk

    def _changes(self, since: Positions, until: Positions, bytes_max: int) -> Chunk:
        """What all watchers of everybody who are equally far are told: read once."""
        chunk = self._chunks.get((since, until))
        if chunk is None:
            chunk = self._model.changes(since, until, bytes_max=bytes_max)
            if len(self._chunks) < CHUNKS_MAX:
                self._chunks[since, until] = chunk
        return chunk

    def _since(self, given: ResumeToken | None) -> Positions:
        seen = self.require_caught_up()
        if given is None:
            return (0,) * len(seen.positions)
        if given.deployment != seen.deployment or len(given.positions) != len(seen.positions):
            raise refusals.resume_token_unknown("of another deployment")
        if any(theirs > ours for theirs, ours in zip(given.positions, seen.positions, strict=True)):
            raise refusals.resume_token_unknown("newer than what this gateway has seen")
        if any(theirs < lost for theirs, lost in zip(given.positions, seen.compacted, strict=True)):
            raise refusals.resume_token_compacted()
        return given.positions

    async def _reach(self, given: str, call: Call) -> None:
        """Wait for everything that a watch had seen."""
        wanted = requests.resume_token("min_revision", given)
        seen = self.require_caught_up()
        if wanted.deployment != seen.deployment or len(wanted.positions) != len(seen.positions):
            raise refusals.resume_token_unknown("of another deployment")

        def reached() -> bool:
            here = self.require_caught_up().positions
            return all(ours >= theirs for ours, theirs in zip(here, wanted.positions, strict=True))

        await self._wait(reached, call)

    async def _reach_of(self, person: PersonId, given: str, call: Call) -> None:
        """As `_reach`; or, for a revision of a score, wait for a score of `person` that is not older."""
        wanted = requests.revision("min_revision", given)
        if wanted is None:
            await self._reach(given, call)
            return

        def reached() -> bool:
            here: Revision | None = self._model.revision(person)
            return here is not None and not here.is_before(wanted)

        await self._wait(reached, call)

    async def gone(self, person: PersonId, wait_s: float, call: Call) -> bool:
        """Whether nothing is served of `person`, or so within `wait_s` and the client's deadline."""
        remaining_s = call.time_remaining()
        try:
            async with asyncio.timeout(wait_s if remaining_s is None else min(wait_s, 0.9 * remaining_s)):
                while self._model.score(person) is not None:
                    await self._moved.wait()
        except TimeoutError:
            return False
        return True

    async def _wait(self, reached: Callable[[], bool], call: Call) -> None:
        """Raises Refused if it is not reached in time."""
        remaining_s = call.time_remaining()
        wait_s = self._limits.revision_wait_s
        try:
            async with asyncio.timeout(wait_s if remaining_s is None else min(wait_s, 0.9 * remaining_s)):
                while not reached():
                    await self._moved.wait()
        except TimeoutError as error:
            raise refusals.revision_not_reached() from error

    def require_caught_up(self) -> Seen:
        """How far the read model is. Raises Refused until its writer has caught up."""
        if self._seen is None:
            raise refusals.catching_up()
        return self._seen


def _person(request: Any) -> Sequence[str]:
    return (request.person,)


def _people(request: Any) -> Sequence[str]:
    asked: Sequence[str] = request.people
    return asked


def _everybody(_request: Any) -> Sequence[str]:
    """Nobody in particular."""
    return ()


class _Stream:
    """What one watch has been told, and what it is told next."""

    def __init__(self, watcher: Watcher, since: Positions, *, fresh: bool) -> None:
        """`fresh`: the client holds no scores yet."""
        self.since = since
        self._watcher = watcher
        self._fresh = fresh
        self.caught_up = False
        self._told = since
        self._counted: int | None = None
        """Changes so far, when the client was up to date last."""
        self._delivered = 0

    def message(self, chunk: Chunk, seen: Seen) -> bytes | None:
        """The next WatchScoresResponse; None if the client knows all that it would say."""
        self.since = chunk.reached
        erased = () if self._fresh and not self.caught_up else chunk.erased
        conflated = self._conflated(chunk, seen)
        if not chunk.scores and not erased and self.caught_up and self._told == chunk.reached:
            return None
        self.caught_up = self.caught_up or chunk.complete
        self._told = chunk.reached
        token = resume.encode(ResumeToken(seen.deployment, chunk.reached))
        return wire.watch_response(
            chunk.scores, resume_token=token, caught_up=self.caught_up, erased=erased, conflated=conflated
        )

    def _conflated(self, chunk: Chunk, seen: Seen) -> int:
        self._delivered += len(chunk.scores) + len(chunk.erased)
        if not chunk.complete:
            return 0
        if self._watcher.pending is not None:
            passed_over, self._watcher.conflated = self._watcher.conflated, 0
        else:
            changes = 0 if self._counted is None else seen.changes - self._counted
            passed_over = max(0, changes - self._delivered)
        self._counted, self._delivered = seen.changes, 0
        return passed_over


def _rank(standing: Standing) -> service_pb2.Rank:
    return service_pb2.Rank(
        rank=1 + standing.above,
        ties=standing.equal,
        people=standing.total,
        percentile_micro=MICRO * (standing.total - standing.above) // standing.total,
    )
