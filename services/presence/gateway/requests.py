"""What a request may hold. Everything that is wrong with it is said at once, field by field."""

import re
from collections.abc import Sequence
from typing import cast

from presence.events.errors import InvariantBroken
from presence.events.vocabulary import PersonId, Severity
from presence.gateway.closings import NoDay, day_number
from presence.gateway.order import MalformedPageToken, Order, Place
from presence.gateway.order import decode as decode_page
from presence.gateway.refusals import Violation, malformed
from presence.gateway.resume import MalformedToken, ResumeToken, decode
from presence.gateway.rows import COLUMNS, KINDS, PERSON_CHARS
from presence.gateway.simulate import Finding
from presence.log.revision import Revision, encode
from presence.log.revision import decode as decode_revision
from presence.v1.service_pb2 import ExplainScoreRequest, HypotheticalFinding

PEOPLE_MAX = 1000
FINDINGS_MAX = 20
DAYS_MAX = 3650
SEVERITIES = frozenset(severity.value for severity in Severity if severity)
PAGE_ROWS = 50
PAGE_ROWS_MAX = 1000
_PERSON = re.compile(r"p_[a-z2-7]{26}")
_PERSON_BYTES = b"abcdefghijklmnopqrstuvwxyz234567"
_PERSON_RULE = "must be `p_` and 26 characters of [a-z2-7]"


def person(field: str, given: str) -> PersonId:
    """The id in a field of that name. Raises Refused if it is malformed."""
    if _PERSON.fullmatch(given) is None:
        raise malformed([Violation(field, _PERSON_RULE)])
    return PersonId(given)


def people(field: str, given: Sequence[str], *, people_min: int) -> list[PersonId]:
    """The ids in a repeated field. Raises Refused for too few, too many, malformed or repeated ones."""
    if not people_min <= len(given) <= PEOPLE_MAX:
        rule = f"must hold {people_min} to {PEOPLE_MAX} ids, not {len(given)}"
        raise malformed([Violation(field, rule)])
    asked = cast("list[PersonId]", list(given))
    if len(set(asked)) == len(asked) and _are_people(asked):
        return asked
    violations = []
    seen: dict[str, int] = {}
    for index, one in enumerate(asked):
        first = seen.setdefault(one, index)
        if _PERSON.fullmatch(one) is None:
            violations.append(Violation(f"{field}[{index}]", _PERSON_RULE))
        elif first != index:
            violations.append(Violation(f"{field}[{index}]", f"repeats {field}[{first}]"))
    raise malformed(violations)


def _are_people(asked: Sequence[PersonId]) -> bool:
    """Whether each matches _PERSON; all at once, since one by one they cost as much as their scores.

    >>> [_are_people([PersonId(one)]) for one in ("p_" + "a7" * 13, "p_" + "a1" * 13, "q_" + "a7" * 13)]
    [True, False, False]
    """
    if not set(map(len, asked)) <= {PERSON_CHARS}:
        return False
    together = "".join(asked)
    heads, marks = together[::PERSON_CHARS], together[1::PERSON_CHARS]
    return (
        heads == "p" * len(asked)
        and marks == "_" * len(asked)
        and together.isascii()
        and together.encode().translate(None, _PERSON_BYTES) == marks.encode()
    )


def revision(field: str, given: str) -> Revision | None:
    """The revision of a score; None if it is the token of a watch. Raises Refused if it is neither."""
    if len(given) != len(encode(Revision(0, 0))):
        resume_token(field, given)
        return None
    try:
        return decode_revision(given)
    except InvariantBroken as error:
        raise malformed(
            [Violation(field, "must be the revision of a score, or the token of a watch")]
        ) from error


def order(field: str, given: str, kind_field: str, kind: int) -> Order:
    """What is listed. Raises Refused for an unknown column, direction or kind."""
    violations = []
    column, _, direction = (given or "presence desc").partition(" ")
    if column not in COLUMNS or direction not in {"", "asc", "desc"}:
        violations.append(Violation(field, f"must be one of {', '.join(COLUMNS)}, and ` desc` or nothing"))
    if kind not in KINDS:
        violations.append(Violation(kind_field, "must be person or business, or unspecified for both"))
    if violations:
        raise malformed(violations)
    return Order((kind,) if kind else KINDS, COLUMNS.index(column), direction == "desc")


def page_size(field: str, given: int, *, default: int = PAGE_ROWS, most: int = PAGE_ROWS_MAX) -> int:
    """How many rows a page may hold. Raises Refused for less than nothing."""
    if given < 0:
        raise malformed([Violation(field, "must not be negative")])
    return min(given or default, most)


def page_token(field: str, given: str, wanted: Order) -> Place:
    """Where the page begins. Raises Refused if the token is not of that list."""
    try:
        return decode_page(given, wanted)
    except MalformedPageToken as error:
        raise malformed([Violation(field, str(error))]) from error


def day(field: str, given: str) -> int:
    """Days since 1970-01-01. Raises Refused for what is no day."""
    try:
        return day_number(given)
    except NoDay as error:
        raise malformed([Violation(field, "must be a day, such as 2026-11-23")]) from error


def since(request: ExplainScoreRequest) -> int | Revision | None:
    """The day or the revision since which a change is asked for; None: none is. Raises Refused for both, or acts of none."""
    if request.since_day and request.since_revision:
        raise malformed([Violation("since_revision", "must be empty where since_day is given")])
    if not (request.since_day or request.since_revision):
        for field in ("acts_page_size", "acts_page_token", "links"):
            if getattr(request, field):
                raise malformed([Violation(field, "needs since_day or since_revision")])
        return None
    if request.since_day:
        return day("since_day", request.since_day)
    try:
        return decode_revision(request.since_revision)
    except InvariantBroken as error:
        raise malformed([Violation("since_revision", "must be the revision of a score")]) from error


def number(field: str, given: int, *, default: int, most: int) -> int:
    """1 to `most`; 0 reads as `default`. Raises Refused for anything else."""
    if not 0 <= given <= most:
        raise malformed([Violation(field, f"must be 1 to {most}, or 0 for {default}")])
    return given or default


def findings(field: str, given: Sequence[HypotheticalFinding]) -> list[Finding]:
    """Hypothetical findings. Raises Refused for too many, an unknown severity, or one too far away."""
    if len(given) > FINDINGS_MAX:
        raise malformed([Violation(field, f"must hold {FINDINGS_MAX} findings at most, not {len(given)}")])
    violations = []
    for index, each in enumerate(given):
        if each.severity not in SEVERITIES:
            violations.append(Violation(f"{field}[{index}].severity", "must be minor, serious or severe"))
        if not 0 <= each.in_days <= DAYS_MAX:
            violations.append(Violation(f"{field}[{index}].in_days", f"must be 0 to {DAYS_MAX}"))
    if violations:
        raise malformed(violations)
    return [Finding(Severity(each.severity), each.in_days) for each in given]


def resume_token(field: str, given: str) -> ResumeToken:
    """The token in a field of that name. Raises Refused if no gateway has written it."""
    try:
        return decode(given)
    except MalformedToken as error:
        raise malformed([Violation(field, str(error))]) from error
