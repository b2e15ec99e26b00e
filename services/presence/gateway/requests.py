"""What a request may hold. Everything that is wrong with it is said at once, field by field."""

import re
from collections.abc import Sequence

from presence.events.vocabulary import PersonId
from presence.gateway.refusals import Violation, malformed
from presence.gateway.resume import MalformedToken, ResumeToken, decode

PEOPLE_MAX = 1000
_PERSON = re.compile(r"p_[a-z2-7]{26}")
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
    violations = []
    seen: dict[str, int] = {}
    for index, one in enumerate(given):
        first = seen.setdefault(one, index)
        if _PERSON.fullmatch(one) is None:
            violations.append(Violation(f"{field}[{index}]", _PERSON_RULE))
        elif first != index:
            violations.append(Violation(f"{field}[{index}]", f"repeats {field}[{first}]"))
    if violations:
        raise malformed(violations)
    return [PersonId(one) for one in given]


def resume_token(field: str, given: str) -> ResumeToken:
    """The token in a field of that name. Raises Refused if no gateway has written it."""
    try:
        return decode(given)
    except MalformedToken as error:
        raise malformed([Violation(field, str(error))]) from error
