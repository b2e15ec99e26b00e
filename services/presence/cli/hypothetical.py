"""What did not happen, as words of a command: `x:to:like:note*100@7`."""

import re
from typing import TypeVar

from presence.client import HypotheticalAct
from presence.events.errors import CallerError
from presence.events.vocabulary import Direction, Object, Severity, Verb, Word

ACT_FORM = "network:by|to:verb[:object][=stars][*times][@days]"
_ACT = re.compile(
    r"(?P<network>[a-z0-9_-]{1,32}):(?P<direction>by|to):(?P<verb>[a-z_]+)(:(?P<object>[a-z]+))?"
    r"(=(?P<stars>[0-9](\.[0-9]{1,3})?))?(\*(?P<times>[0-9]{1,6}))?(@(?P<days>[0-9]{1,6}))?"
)

W = TypeVar("W", bound=Word)


def act(text: str) -> HypotheticalAct:
    """Raises CallerError for what has not the form, or a word that there is not.

    >>> act("x:to:like:note*100@7")[-3:]
    (100, 7, 0)
    """
    found = _ACT.fullmatch(text)
    if found is None:
        raise CallerError(f"{text!r} must be {ACT_FORM}, such as x:to:like:note*100@7")
    return HypotheticalAct(
        network=found["network"],
        direction=_word(Direction, found["direction"]),
        verb=_word(Verb, found["verb"]),
        object=_word(Object, found["object"]) if found["object"] else Object.UNSPECIFIED,
        times=int(found["times"] or 1),
        in_days=int(found["days"] or 0),
        rating=round(1000 * float(found["stars"] or 0)),
    )


def finding(text: str) -> tuple[Severity, int]:
    """Raises CallerError for what is not a severity, and perhaps `:` and a number of days."""
    word, _, in_days = text.partition(":")
    if not (in_days or "0").isdecimal():
        raise CallerError(f"{text!r}: after the severity `:` and a number of days, or nothing")
    return _word(Severity, word), int(in_days or "0")


def _word(words: type[W], text: str) -> W:
    known = {each.name.lower(): each for each in words if each}
    if text not in known:
        raise CallerError(f"there is no {words.__name__.lower()} {text!r}: {', '.join(known)}")
    return known[text]
