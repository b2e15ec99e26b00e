"""ScoreService: requests in, stored bytes out. Translates to and from protobuf, and decides nothing about scores."""

from collections.abc import Collection
from dataclasses import dataclass

from presence.events.vocabulary import PersonId
from presence.gateway import refusals, requests, resume, wire
from presence.gateway.calls import Call, Method, Send
from presence.gateway.read_model import Chunk, ReadModel
from presence.gateway.resume import DeploymentId, Positions, ResumeToken
from presence.gateway.scopes import Scope
from presence.gateway.watching import Watcher, Watchers
from presence.v1 import service_pb2

SERVICE = service_pb2.DESCRIPTOR.services_by_name["ScoreService"].full_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of one gateway process."""

    watchers_max: int = 2_000
    """Chosen, with `message_bytes_max`: watchers that do not read hold 128 MB at worst."""
    message_bytes_max: int = 65_536
    """Of the scores in one message of a watch; a single larger score still goes."""
    answer_bytes_max: int = 4 * 2**20 - 65_536
    """Of the scores in one batch: what gRPC clients accept by default, less the frame and the names not found."""


class ScoreServicer:
    """Answers from the read model, once it has caught up with the topic."""

    def __init__(self, model: ReadModel, watchers: Watchers, limits: Limits) -> None:
        self._model = model
        self._watchers = watchers
        self._limits = limits
        self._seen: ResumeToken | None = None

    def caught_up(self, deployment: DeploymentId, positions: Positions) -> None:
        """From now on there are answers."""
        self._seen = ResumeToken(deployment, positions)

    def changed(self, people: Collection[PersonId], positions: Positions) -> None:
        """The read model has new scores of `people`, and holds everything before `positions`."""
        if self._seen is not None:
            self._seen = self._seen._replace(positions=positions)
            self._watchers.publish(people)

    def methods(self) -> tuple[Method, ...]:
        """What this service answers, and to whom."""
        return (
            Method(
                name="GetScore",
                request=service_pb2.GetScoreRequest,
                scope=Scope.SCORES_READ,
                people=lambda request: (request.person,),
                unary=self.get_score,
            ),
            Method(
                name="BatchGetScores",
                request=service_pb2.BatchGetScoresRequest,
                scope=Scope.SCORES_READ,
                people=lambda request: request.people,
                unary=self.batch_get_scores,
            ),
            Method(
                name="WatchScores",
                request=service_pb2.WatchScoresRequest,
                scope=Scope.SCORES_READ,
                people=lambda request: request.people,
                stream=self.watch_scores,
            ),
        )

    async def get_score(self, request: service_pb2.GetScoreRequest, _call: Call) -> bytes:
        """A serialised Score."""
        person = requests.person("person", request.person)
        self._require_caught_up()
        score = self._model.score(person)
        if score is None:
            raise refusals.person_unknown(person)
        return score

    async def batch_get_scores(self, request: service_pb2.BatchGetScoresRequest, _call: Call) -> bytes:
        """A serialised BatchGetScoresResponse."""
        people = requests.people("people", request.people, people_min=1)
        self._require_caught_up()
        found = self._model.scores(people)
        scores = [score for score in found if score is not None]
        if sum(map(len, scores)) > self._limits.answer_bytes_max:
            raise refusals.answer_too_large(self._limits.answer_bytes_max)
        not_found = [person for person, score in zip(people, found, strict=True) if score is None]
        return wire.batch_response(scores, not_found)

    async def watch_scores(self, request: service_pb2.WatchScoresRequest, call: Call, send: Send) -> None:
        """Send serialised WatchScoresResponses: first what changed since the token, then what changes.

        `send` returns when the client has room for more. Ends only by Refused or cancellation.
        """
        people = frozenset(requests.people("people", request.people, people_min=0))
        given = requests.resume_token("resume_token", request.resume_token) if request.resume_token else None
        since = self._since(given)
        caught_up = False
        # The watcher joins before the first read, so that no change falls between the two.
        with self._watchers.joined(people) as watcher:
            while True:
                call.check_expiry(call.caller)
                seen = self._require_caught_up()
                chunk = self._read(watcher, since, seen.positions)
                since = chunk.reached
                if chunk.scores or not caught_up:
                    caught_up = caught_up or chunk.complete
                    token = resume.encode(seen._replace(positions=since))
                    await send(wire.watch_response(chunk.scores, resume_token=token, caught_up=caught_up))
                if chunk.complete:
                    await watcher.wait()

    def _read(self, watcher: Watcher, since: Positions, until: Positions) -> Chunk:
        bytes_max = self._limits.message_bytes_max
        if watcher.pending is None:
            return self._model.changes(since, until, bytes_max=bytes_max)
        chunk = self._model.changes_of(watcher.pending, since, until, bytes_max=bytes_max)
        if chunk.complete:
            watcher.pending.clear()
        return chunk

    def _since(self, given: ResumeToken | None) -> Positions:
        seen = self._require_caught_up()
        if given is None:
            return (0,) * len(seen.positions)
        if given.deployment != seen.deployment or len(given.positions) != len(seen.positions):
            raise refusals.resume_token_unknown("of another deployment")
        if any(theirs > ours for theirs, ours in zip(given.positions, seen.positions, strict=True)):
            raise refusals.resume_token_unknown("newer than what this gateway has seen")
        return given.positions

    def _require_caught_up(self) -> ResumeToken:
        if self._seen is None:
            raise refusals.catching_up()
        return self._seen
