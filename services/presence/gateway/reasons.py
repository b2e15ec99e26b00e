"""The methods that say why and what was: ExplainScore and GetHistory."""

import base64
import binascii
from typing import Any

from presence.events.vocabulary import PersonId
from presence.gateway import acts, closings, conduct, explain, refusals, requests, wire
from presence.gateway.calls import Call, Method
from presence.gateway.door import permit
from presence.gateway.log_reader import LogReader
from presence.gateway.read_model import ReadModel
from presence.gateway.refusals import Violation, malformed
from presence.gateway.scopes import Scope
from presence.gateway.servicer import Limits, ScoreServicer
from presence.log.revision import Revision
from presence.log.revision import decode as decode_revision
from presence.roster.keys import MasterKey
from presence.v1 import service_pb2
from presence.v1.score_pb2 import Score

HISTORY_ROWS = 100


class ReasonServicer:
    """Answers from what scoring has published and from the log; it keeps no state of anybody."""

    def __init__(
        self,
        scores: ScoreServicer,
        model: ReadModel,
        limits: Limits,
        *,
        log: LogReader,
        master: MasterKey | None,
    ) -> None:
        """`master`: opens the keys of people, and so their links."""
        self._scores = scores
        self._model = model
        self._limits = limits
        self._log = log
        self._master = master

    def methods(self) -> tuple[Method, ...]:
        """What this service answers, and to whom."""
        rows: tuple[tuple[str, Any, Scope, Any, bool], ...] = (
            ("ExplainScore", service_pb2.ExplainScoreRequest, Scope.EXPLAIN_READ, self.explain_score, True),
            ("GetHistory", service_pb2.GetHistoryRequest, Scope.SCORES_READ, self.get_history, False),
        )
        return tuple(
            Method(
                name=name,
                request=request,
                scope=scope,
                people=lambda asked: (asked.person,),
                unary=answer,
                audited=audited,
            )
            for name, request, scope, answer, audited in rows
        )

    async def explain_score(self, request: service_pb2.ExplainScoreRequest, call: Call) -> bytes:
        """A serialised ExplainScoreResponse."""
        since = requests.since(request)
        if request.links:
            permit(call.caller, Scope.LINKS_READ, (request.person,))
        person, score = await self._scores.parsed(request.person, request.min_revision, call)
        change = None
        if since is not None:
            change = await self._change(person, since, request.since_day, score)
            if request.acts_page_size:
                await self._add_acts(change, request, score)
        return service_pb2.ExplainScoreResponse(
            person=person,
            kind=score.kind,
            model=score.model,
            revision=score.revision,
            as_of_time=score.as_of_time,
            presence_millipoints=score.presence_millipoints,
            reasons=explain.reasons(score),
            change=change,
            findings=conduct.open_findings(self._model, person),
            company=conduct.company_of(self._model, person),
        ).SerializeToString()

    async def _change(
        self, person: PersonId, since: int | Revision, asked: str, score: Score
    ) -> service_pb2.ScoreChange:
        """The change since a day or a revision. Raises Refused if the score of then is not kept."""
        if isinstance(since, Revision):
            return explain.change("", await self._score_at(person, since, score), score)
        found = self._model.closing_until(person, since)
        if found is None:
            raise refusals.day_unknown(person, asked)
        return explain.change(closings.day_text(found[0]), Score.FromString(found[1]), score)

    async def _score_at(self, person: PersonId, revision: Revision, score: Score) -> Score:
        now = self._model.row(person)
        if now is None or not (revision == now.revision or revision.is_before(now.revision)):
            raise refusals.revision_unknown(person)
        if decode_revision(score.revision) == revision:
            return score
        found = self._model.closing_of(person, revision)
        if found is None:
            found = await self._log.score_at(person, revision, now)
        if found is None:
            raise refusals.revision_unknown(person)
        return Score.FromString(found)

    async def _add_acts(
        self, change: service_pb2.ScoreChange, request: service_pb2.ExplainScoreRequest, score: Score
    ) -> None:
        person = PersonId(request.person)
        span = acts.Span(decode_revision(change.revision), decode_revision(score.revision))
        if span.since.partition != span.until.partition:
            raise refusals.revision_unknown(person)  # The log was divided anew since.
        size = requests.page_size("acts_page_size", request.acts_page_size, default=0)
        stretch = acts.stretch(request.acts_page_token, span)
        unseal = acts.unsealer(person, self._model.enrolled(person), self._master) if request.links else None
        if stretch.first > stretch.last:
            return
        searched = await self._log.acts(person, stretch, records_max=size)
        change.acts.extend(acts.messages(searched, stretch.partition, unseal))
        if searched.rest is not None:
            change.next_acts_page_token = acts.token(span, searched.rest)
            change.records_left = searched.rest.last - searched.rest.first + 1

    async def get_history(self, request: service_pb2.GetHistoryRequest, _call: Call) -> bytes:
        """A serialised GetHistoryResponse."""
        person = requests.person("person", request.person)
        first = requests.day("first_day", request.first_day) if request.first_day else 0
        last = requests.day("last_day", request.last_day) if request.last_day else 2**31
        if request.page_token:
            first = max(first, _day_of(request.page_token))
        rows_max = requests.page_size(
            "page_size", request.page_size, default=HISTORY_ROWS, most=closings.DAYS_MAX
        )
        self._scores.require_caught_up()
        if self._model.score(person) is None:
            raise refusals.person_unknown(person)
        rows, following = self._model.history(
            person, first, last, rows_max=rows_max, bytes_max=self._limits.answer_bytes_max
        )
        token = "" if following is None else _token_of(following)
        days = [(closings.day_text(day), score) for day, score in rows]
        return wire.history_response(days, next_page_token=token)


def _token_of(day: int) -> str:
    return base64.urlsafe_b64encode(f"h{day}".encode()).rstrip(b"=").decode()


def _day_of(token: str) -> int:
    try:
        text = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True).decode()
        if text[:1] == "h" and text[1:].isdecimal():
            return int(text[1:])
    except (binascii.Error, ValueError):
        pass
    raise malformed([Violation("page_token", "no token of a history")])
