"""ConductService: findings about conduct as the topic of reasons has them, and decisions about them, written to the log."""

from collections.abc import Callable
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from presence.conduct import deciding
from presence.events.errors import CallerError, InvalidEvent, InvariantBroken
from presence.events.vocabulary import (
    Category,
    Decision,
    Event,
    Grounds,
    Kind,
    PersonId,
    Severity,
    Word,
)
from presence.gateway import refusals, requests
from presence.gateway.aside import Aside
from presence.gateway.calls import Call, Method
from presence.gateway.log_writer import LogWriter
from presence.gateway.read_model import ReadModel
from presence.gateway.refusals import Violation, malformed
from presence.gateway.scopes import Scope
from presence.gateway.servicer import ScoreServicer
from presence.log import codec
from presence.log.clock import now_ms
from presence.roster.keys import DataKey, MasterKey
from presence.roster.people import decode
from presence.v1 import conduct_service_pb2, event_pb2, service_pb2

SERVICE = conduct_service_pb2.DESCRIPTOR.services_by_name["ConductService"].full_name
FINDINGS_MAX = 1_000
TOKEN_CHARS_MAX = 64
COMPANY = "associates"
"""Under which the topic of reasons has somebody's company."""


class ConductServicer:
    """Reads from the read model; what it writes is read back from there."""

    def __init__(
        self,
        scores: ScoreServicer,
        model: ReadModel,
        aside: Aside,
        writer: LogWriter,
        master: MasterKey | None,
    ) -> None:
        self._scores = scores
        self._model = model
        self._aside = aside
        self._writer = writer
        self._master = master

    def methods(self) -> tuple[Method, ...]:
        """What this service answers, and to whom."""
        rows: tuple[tuple[str, Any, Scope, Any], ...] = (
            ("ListFindings", conduct_service_pb2.ListFindingsRequest, Scope.EXPLAIN_READ, self.list_findings),
            ("CreateFinding", conduct_service_pb2.CreateFindingRequest, Scope.CONDUCT_WRITE, self.create),
            ("AppealFinding", conduct_service_pb2.AppealFindingRequest, Scope.CONDUCT_WRITE, self.appeal),
            ("DecideFinding", conduct_service_pb2.DecideFindingRequest, Scope.CONDUCT_WRITE, self.decide),
        )
        return tuple(
            Method(
                name=name,
                request=request,
                scope=scope,
                people=lambda asked: (asked.person,),
                unary=answer,
                audited=True,
            )
            for name, request, scope, answer in rows
        )

    async def list_findings(self, request: conduct_service_pb2.ListFindingsRequest, call: Call) -> bytes:
        """A serialised ListFindingsResponse."""
        person = requests.person("person", request.person)
        self._require_known(person)
        found = sorted(findings_of(self._model, person), key=lambda each: (-each.occurred_ms, each.ref_id))
        key = self._key(person) if _may_open(call, person) else None
        return conduct_service_pb2.ListFindingsResponse(
            findings=[_message(each, key) for each in found[:FINDINGS_MAX]]
        ).SerializeToString()

    async def create(self, request: conduct_service_pb2.CreateFindingRequest, call: Call) -> bytes:
        """A serialised CreateFindingResponse."""
        _require_operator(call)
        person = requests.person("person", request.person)
        severity = _word("severity", Severity, request.severity)
        category = _word("category", Category, request.category)
        grounds = _word("grounds", Grounds, request.grounds or Grounds.REVIEWED)
        if len(request.request_id) > TOKEN_CHARS_MAX:
            raise malformed([Violation("request_id", f"must have {TOKEN_CHARS_MAX} characters at most")])
        self._require_known(person)
        at_ms = now_ms()
        occurred_ms = request.occurred_time.ToMilliseconds() if request.HasField("occurred_time") else at_ms
        event = _made(
            lambda: deciding.found(
                person,
                self._required_key(person),
                severity=severity,
                category=category,
                occurred_ms=occurred_ms,
                now_ms=at_ms,
                operator=call.caller.id,
                grounds=grounds,
                note=request.note,
                token=request.request_id or f"{call.caller.id}/{at_ms}",
            )
        )
        return conduct_service_pb2.CreateFindingResponse(finding=await self._write(event)).SerializeToString()

    async def appeal(self, request: conduct_service_pb2.AppealFindingRequest, call: Call) -> bytes:
        """A serialised AppealFindingResponse."""
        finding = self._finding(request.person, request.id)
        if finding.withdrawn:
            raise refusals.finding_withdrawn(request.id)
        event = self._decided(finding, Decision.APPEALED, Grounds.UNSPECIFIED, request.note, call)
        return conduct_service_pb2.AppealFindingResponse(finding=await self._write(event)).SerializeToString()

    async def decide(self, request: conduct_service_pb2.DecideFindingRequest, call: Call) -> bytes:
        """A serialised DecideFindingResponse."""
        _require_operator(call)
        decision = _word("decision", Decision, request.decision)
        if decision not in deciding.DECIDING:
            raise malformed([Violation("decision", "must be WITHDRAWN, UPHELD or FOUND")])
        grounds = _word("grounds", Grounds, request.grounds)
        finding = self._finding(request.person, request.id)
        event = self._decided(finding, decision, grounds, request.note, call)
        return conduct_service_pb2.DecideFindingResponse(finding=await self._write(event)).SerializeToString()

    def _decided(self, finding: Event, decision: Decision, grounds: Grounds, note: str, call: Call) -> Event:
        key = self._required_key(finding.person)
        operator = call.caller.id
        return _made(
            lambda: deciding.decided(
                finding, key, decision, now_ms=now_ms(), operator=operator, grounds=grounds, note=note
            )
        )

    async def _write(self, event: Event) -> conduct_service_pb2.Finding:
        await self._aside.run(lambda: self._writer.write(event))
        return _message(event, self._key(event.person))

    def _finding(self, given: str, finding_id: str) -> Event:
        person = requests.person("person", given)
        self._require_known(person)
        for each in findings_of(self._model, person):
            if f"{each.ref_id:016x}" == finding_id:
                return each
        raise refusals.finding_unknown(person, finding_id)

    def _require_known(self, person: PersonId) -> None:
        self._scores.require_caught_up()
        if self._model.score(person) is None:
            raise refusals.person_unknown(person)

    def _key(self, person: PersonId) -> DataKey | None:
        enrolled = self._model.enrolled(person)
        if enrolled is None or self._master is None:
            return None
        found = decode(enrolled)
        return self._master.open(person, found.sealed_key) if found.master_key_id == self._master.id else None

    def _required_key(self, person: PersonId) -> DataKey:
        key = self._key(person)
        if key is None:
            raise refusals.notes_sealed()
        return key


def open_findings(model: ReadModel, person: PersonId) -> list[conduct_service_pb2.Finding]:
    """What stands against `person`, the newest act first, without notes and links."""
    found = sorted(findings_of(model, person), key=lambda each: (-each.occurred_ms, each.ref_id))
    return [_message(each, None) for each in found if not each.withdrawn][:FINDINGS_MAX]


def company_of(model: ReadModel, person: PersonId) -> service_pb2.Company | None:
    """Whose company counts for `person`; None without any."""
    for what, value in model.reasons(person):
        if what == COMPANY:
            event = codec.decode(value)
            if event.associates:
                people = [each for each in event.associates if model.score(each) is not None]
                return service_pb2.Company(mean_millipoints=event.mean, number=event.number, people=people)
    return None


def findings_of(model: ReadModel, person: PersonId) -> list[Event]:
    """The record that decides each finding of `person`."""
    events = (codec.decode(value) for _, value in model.reasons(person))
    return [each for each in events if each.kind == Kind.FLAG]


def _may_open(call: Call, person: PersonId) -> bool:
    """Notes and links are for who decides, and for whom they are about."""
    return Scope.CONDUCT_WRITE in call.caller.scopes or call.caller.person == person


def _require_operator(call: Call) -> None:
    """`self` is enough to object to a finding, and not to decide about it."""
    if Scope.CONDUCT_WRITE not in call.caller.scopes:
        raise refusals.scope_missing(Scope.CONDUCT_WRITE.value)


def _word(field: str, words: type[Word], given: int) -> Any:
    try:
        found = words(given)
    except ValueError:
        found = words(0)
    if not found and field != "grounds":
        names = ", ".join(word.name for word in words if word)
        raise malformed([Violation(field, f"must be one of {names}")])
    return found


def _made(make: Callable[[], Event]) -> Event:
    """Raises Refused for what the log does not take: a note that is too long, a time that cannot be."""
    try:
        return make()
    except InvalidEvent as error:
        raise malformed([Violation("occurred_time", str(error))]) from error
    except refusals.Refused:
        raise
    except CallerError as error:
        raise malformed([Violation("note", str(error))]) from error


def _message(event: Event, key: DataKey | None) -> conduct_service_pb2.Finding:
    return conduct_service_pb2.Finding(
        person=event.person,
        id=f"{event.ref_id:016x}",
        severity=event_pb2.Severity.ValueType(event.severity),
        category=event_pb2.Category.ValueType(event.category),
        withdrawn=event.withdrawn,
        occurred_time=_time(event.occurred_ms),
        decision=event_pb2.Decision.ValueType(event.decision),
        decided_time=_time(event.observed_ms),
        grounds=event_pb2.Grounds.ValueType(event.grounds),
        operator=event.operator,
        moderator=event.moderator,
        moderator_version=event.moderator_version,
        confidence_micro=event.confidence_micro,
        network=event.network,
        note=_opened(event.person, event.sealed_note, key),
        link=_opened(event.person, event.sealed_ref, key),
    )


def _opened(person: PersonId, sealed: bytes, key: DataKey | None) -> str:
    if key is None or not sealed:
        return ""
    try:
        return key.open(person, sealed)
    except InvariantBroken:  # Sealed with the key of an enrolment before this one.
        return ""


def _time(at_ms: int) -> Timestamp:
    found = Timestamp()
    found.FromMilliseconds(at_ms)
    return found
