"""The questions of ConductService as data, as those of `questions`."""

from google.protobuf.timestamp_pb2 import Timestamp

from presence.client.findings import Finding, many_from, one_from
from presence.client.questions import Question
from presence.events.vocabulary import Category, Decision, Grounds, Severity
from presence.v1 import conduct_service_pb2, event_pb2
from presence.v1.conduct_service_pb2_grpc import ConductServiceStub


def list_findings(person: str) -> Question[list[Finding]]:
    request = conduct_service_pb2.ListFindingsRequest(person=person)
    return Question("ListFindings", request, many_from, ConductServiceStub)


def create_finding(
    person: str,
    severity: Severity,
    category: Category,
    *,
    occurred_ms: int,
    grounds: Grounds,
    note: str,
    request_id: str,
) -> Question[Finding]:
    occurred = None
    if occurred_ms:
        occurred = Timestamp()
        occurred.FromMilliseconds(occurred_ms)
    request = conduct_service_pb2.CreateFindingRequest(
        person=person,
        severity=event_pb2.Severity.ValueType(severity),
        category=event_pb2.Category.ValueType(category),
        occurred_time=occurred,
        grounds=event_pb2.Grounds.ValueType(grounds),
        note=note,
        request_id=request_id,
    )
    return Question("CreateFinding", request, one_from, ConductServiceStub)


def appeal_finding(person: str, finding: str, note: str) -> Question[Finding]:
    request = conduct_service_pb2.AppealFindingRequest(person=person, id=finding, note=note)
    return Question("AppealFinding", request, one_from, ConductServiceStub)


def decide_finding(
    person: str, finding: str, decision: Decision, grounds: Grounds, note: str
) -> Question[Finding]:
    request = conduct_service_pb2.DecideFindingRequest(
        person=person,
        id=finding,
        decision=event_pb2.Decision.ValueType(decision),
        grounds=event_pb2.Grounds.ValueType(grounds),
        note=note,
    )
    return Question("DecideFinding", request, one_from, ConductServiceStub)
