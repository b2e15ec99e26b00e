"""The methods that say why: ExplainScore, SimulateScore and GetHistory."""

import base64
import binascii
from typing import Any

from presence.events.vocabulary import PersonId
from presence.gateway import closings, explain, refusals, requests, simulate, wire
from presence.gateway.calls import Call, Method
from presence.gateway.read_model import ReadModel
from presence.gateway.refusals import Violation, malformed
from presence.gateway.scopes import Scope
from presence.gateway.servicer import MICRO, Limits, ScoreServicer
from presence.gateway.simulate import Point
from presence.model.spec import Model
from presence.v1 import service_pb2
from presence.v1.score_pb2 import Score

HISTORY_ROWS = 100
CURVE_DAYS = 365
CURVE_POINTS = 100
STEP_DAYS_MAX = 365
CURVE_POINTS_MAX = requests.DAYS_MAX + 1
"""A point is some ten bytes: one for each of the most days fits into any message."""


class ReasonServicer:
    """Answers from what scoring has published; it keeps no state of anybody."""

    def __init__(self, scores: ScoreServicer, model: ReadModel, rules: Model, limits: Limits) -> None:
        """`rules`: the scoring model."""
        self._scores = scores
        self._model = model
        self._rules = rules
        self._limits = limits

    def methods(self) -> tuple[Method, ...]:
        """What this service answers, and to whom."""
        rows: tuple[tuple[str, Any, Scope, Any, bool], ...] = (
            ("ExplainScore", service_pb2.ExplainScoreRequest, Scope.EXPLAIN_READ, self.explain_score, True),
            (
                "SimulateScore",
                service_pb2.SimulateScoreRequest,
                Scope.EXPLAIN_READ,
                self.simulate_score,
                True,
            ),
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
        since = requests.day("since_day", request.since_day) if request.since_day else None
        person, score = await self._score(request.person, request.min_revision, call)
        change = None
        if since is not None:
            found = self._model.closing_until(person, since)
            if found is None:
                raise refusals.day_unknown(person, request.since_day)
            change = explain.change(closings.day_text(found[0]), Score.FromString(found[1]), score)
        return service_pb2.ExplainScoreResponse(
            person=person,
            kind=score.kind,
            model=score.model,
            revision=score.revision,
            as_of_time=score.as_of_time,
            presence_millipoints=score.presence_millipoints,
            reasons=explain.reasons(score),
            change=change,
        ).SerializeToString()

    async def simulate_score(self, request: service_pb2.SimulateScoreRequest, call: Call) -> bytes:
        """A serialised SimulateScoreResponse."""
        findings = requests.findings("findings", request.findings)
        days = requests.number("days", request.days, default=CURVE_DAYS, most=requests.DAYS_MAX)
        fit = -(-days // (CURVE_POINTS - 1))
        step = requests.number("step_days", request.step_days, default=fit, most=STEP_DAYS_MAX)
        person, score = await self._score(request.person, request.min_revision, call)
        if score.model.hash != self._rules.hash:
            raise refusals.model_unknown(score.model.name)
        unharmed = explain.total(row for row in score.waterfall if row.entry != "conduct")
        conduct, factor = self._rules.conduct, score.conduct_factor_micro
        every = simulate.curve(unharmed, factor, conduct, findings, range(days + 1))
        return service_pb2.SimulateScoreResponse(
            person=person,
            revision=score.revision,
            presence_millipoints=score.presence_millipoints,
            unharmed_millipoints=unharmed,
            curve=[
                service_pb2.SimulatedDay(
                    in_days=point.in_days,
                    presence_millipoints=point.presence,
                    conduct_factor_micro=point.factor,
                )
                for point in every[::step]
            ],
            nine_tenths_days=_back(every),
            at_least=factor <= conduct.factor_min,
        ).SerializeToString()

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

    async def _score(self, given: str, min_revision: str, call: Call) -> tuple[PersonId, Score]:
        request = service_pb2.GetScoreRequest(person=given, min_revision=min_revision)
        serialised = await self._scores.get_score(request, call)
        return PersonId(given), Score.FromString(serialised)


def _back(curve: list[Point]) -> int | None:
    """The first day from which on nine tenths are there again, to the end of the curve."""
    days = None
    for point in reversed(curve):
        if 10 * point.factor < 9 * MICRO:
            break
        days = point.in_days
    return days


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
