"""Who calls, and what a caller may do."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

from presence.events.errors import CallerError
from presence.events.vocabulary import PersonId

CallerId = NewType("CallerId", str)
"""Who a caller is, for limits and for the audit log: `key:<id>`, `certificate:<id>`, `token:<16 hex digits>`."""


class Scope(StrEnum):
    """One permission."""

    SCORES_READ = "scores.read"
    """Scores, ranks, histories and watches, of everybody."""
    EXPLAIN_READ = "explain.read"
    """Explanations and simulations, of everybody."""
    LINKS_READ = "links.read"
    """With explanations, where each act can be seen, unsealed."""
    ROSTER_WRITE = "roster.write"
    """Enrol, link, unlink and erase."""
    CONDUCT_WRITE = "conduct.write"
    """Findings about conduct."""
    SELF = "self"
    """To read everything about oneself, the person that the token is of, and about nobody else; to prove an account, to
    unlink one, to export and to erase."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Somebody who has shown who they are."""

    id: CallerId
    scopes: frozenset[Scope]
    calls_per_s_max: float | None
    """None: no limit."""
    person: PersonId | None = None
    """Who SELF means."""
    expires_s: float | None = None
    """Seconds since 1970 after which the credential is worth nothing."""


LOCAL = Caller(id=CallerId("local"), scopes=frozenset(Scope), calls_per_s_max=None)
"""Whoever reaches a gateway that asks for no credentials: it listens on loopback only."""


def scopes(words: list[str]) -> frozenset[Scope]:
    """The scopes of these names. Raises CallerError for one that there is not."""
    known = {scope.value: scope for scope in Scope}
    if unknown := [word for word in words if word not in known]:
        raise CallerError(f"there is no scope {unknown[0]!r}: {', '.join(known)}")
    return frozenset(known[word] for word in words)
