"""The method that says what if: SimulateScore."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import structlog

from presence.events.vocabulary import PersonId
from presence.gateway import explain, hypothetical, refusals, requests, simulate
from presence.gateway.aside import Aside
from presence.gateway.calls import Call, Method
from presence.gateway.hypothetical import Act
from presence.gateway.people_states import PeopleStates
from presence.gateway.refusals import Violation, malformed
from presence.gateway.scopes import Scope
from presence.gateway.servicer import MICRO, ScoreServicer
from presence.gateway.simulate import Finding
from presence.log.revision import decode
from presence.model.spec import Model
from presence.v1.score_pb2 import Score
from presence.v1.service_pb2 import SimulatedDay, SimulateScoreRequest, SimulateScoreResponse

if TYPE_CHECKING:
    from presence.gateway.course import Course

CURVE_DAYS = 365
CURVE_POINTS = 100
STEP_DAYS_MAX = 365
MODEL_POINTS_MAX = 400
"""Where the model is run for each: some 5 ms a point."""

log = structlog.get_logger(__name__)


class WhatIfServicer:
    """Answers from the published score, or from the state that the person's scoring worker tells."""

    def __init__(self, scores: ScoreServicer, states: PeopleStates, aside: Aside, rules: Model) -> None:
        """`rules`: the scoring model."""
        self._scores = scores
        self._states = states
        self._aside = aside
        self._rules = rules

    def methods(self) -> tuple[Method, ...]:
        """What this service answers, and to whom."""
        return (
            Method(
                name="SimulateScore",
                request=SimulateScoreRequest,
                scope=Scope.EXPLAIN_READ,
                people=lambda asked: (asked.person,),
                unary=self.simulate_score,
                audited=True,
            ),
        )

    async def simulate_score(self, request: SimulateScoreRequest, call: Call) -> bytes:
        """A serialised SimulateScoreResponse."""
        findings = requests.findings("findings", request.findings)
        acts = hypothetical.acts("acts", request.acts)
        days, step = _span(request)
        person, score = await self._scores.parsed(request.person, request.min_revision, call)
        if score.model.hash != self._rules.hash:
            raise refusals.model_unknown(score.model.name)
        answer = SimulateScoreResponse(
            person=person,
            revision=score.revision,
            presence_millipoints=score.presence_millipoints,
            unharmed_millipoints=explain.total(row for row in score.waterfall if row.entry != "conduct"),
            at_least=score.conduct_factor_micro <= self._rules.conduct.factor_min,
        )
        if acts:
            found = await self._course(score, (acts, findings), range(0, days + 1, step))
            answer.curve.extend(found.curve)
            answer.entries.extend(found.entries)
            back = _back(found.curve)
        else:
            every = self._curve(score, answer.unharmed_millipoints, findings, range(days + 1))
            answer.curve.extend(every[::step])
            back = _back(every)
        if back is not None:
            answer.nine_tenths_days = back
        return answer.SerializeToString()

    def _curve(
        self, score: Score, unharmed: int, findings: Sequence[Finding], days: Sequence[int]
    ) -> list[SimulatedDay]:
        """By the published score alone: all else is held as it is."""
        points = simulate.curve(unharmed, score.conduct_factor_micro, self._rules.conduct, findings, days)
        return [
            SimulatedDay(
                in_days=point.in_days, presence_millipoints=point.presence, conduct_factor_micro=point.factor
            )
            for point in points
        ]

    async def _course(
        self, score: Score, wanted: tuple[Sequence[Act], Sequence[Finding]], days: Sequence[int]
    ) -> "Course":
        """By the model, from the person's state."""
        person = PersonId(score.person)
        told = await self._states.of(person, decode(score.revision).partition)
        if told.model_hash != self._rules.hash:
            raise refusals.model_unknown(told.model_hash)
        return await self._aside.run(partial(_run, told.state, person, wanted, self._rules, days))


def _run(
    state: bytes,
    person: PersonId,
    wanted: tuple[Sequence[Act], Sequence[Finding]],
    rules: Model,
    days: Sequence[int],
) -> "Course":
    from presence.gateway.course import course  # noqa: PLC0415 (see there)

    return course(state, person, wanted, rules, days)


def _span(request: SimulateScoreRequest) -> tuple[int, int]:
    """How far to look, and days between two points. Raises Refused."""
    days = requests.number("days", request.days, default=CURVE_DAYS, most=requests.DAYS_MAX)
    fit = -(-days // (CURVE_POINTS - 1))
    step = requests.number("step_days", request.step_days, default=fit, most=STEP_DAYS_MAX)
    if request.acts and days // step >= MODEL_POINTS_MAX:
        rule = f"must leave {MODEL_POINTS_MAX} points at most, where there are acts"
        raise malformed([Violation("step_days", rule)])
    return days, step


def _back(curve: Sequence[SimulatedDay]) -> int | None:
    """The first day from which on nine tenths are there again, to the end of the curve."""
    days = None
    for point in reversed(curve):
        if 10 * point.conduct_factor_micro < 9 * MICRO:
            break
        days = point.in_days
    return days
