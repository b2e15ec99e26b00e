"""Findings about conduct, as the gateway answers: frozen data. Units are those of `conduct_service.proto`."""

from dataclasses import asdict, dataclass
from typing import Any

from presence.events.vocabulary import Category, Decision, Grounds, PersonId, Severity
from presence.v1 import conduct_service_pb2


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A finding as it stands. `note` and `link` are empty for who may not see them."""

    person: PersonId
    id: str
    severity: Severity
    category: Category
    withdrawn: bool
    occurred_ms: int
    decision: Decision
    decided_ms: int
    grounds: Grounds
    operator: str
    moderator: str
    moderator_version: str
    confidence: int
    """How sure the moderator was, micro."""
    network: str
    note: str
    link: str

    def as_dict(self) -> dict[str, Any]:
        """For JSON: words in lower case."""
        words = {
            name: getattr(self, name).name.lower() for name in ("severity", "category", "decision", "grounds")
        }
        return asdict(self) | words


def from_message(message: conduct_service_pb2.Finding) -> Finding:
    """The finding of a message; a word that this client does not know reads as the first."""
    return Finding(
        person=PersonId(message.person),
        id=message.id,
        severity=Severity(message.severity),
        category=Category(message.category),
        withdrawn=message.withdrawn,
        occurred_ms=message.occurred_time.ToMilliseconds(),
        decision=Decision(message.decision),
        decided_ms=message.decided_time.ToMilliseconds(),
        grounds=Grounds(message.grounds),
        operator=message.operator,
        moderator=message.moderator,
        moderator_version=message.moderator_version,
        confidence=message.confidence_micro,
        network=message.network,
        note=message.note,
        link=message.link,
    )


def many_from(message: conduct_service_pb2.ListFindingsResponse) -> list[Finding]:
    return [from_message(each) for each in message.findings]


def one_from(message: Any) -> Finding:
    """Of the answers that hold one."""
    return from_message(message.finding)
