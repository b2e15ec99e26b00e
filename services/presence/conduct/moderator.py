"""What a moderator is, and how the one that is wanted is found.

Another package ships one by an entry point of the group `presence.moderators`, whose name is the moderator's.
"""

from collections.abc import Sequence
from importlib.metadata import entry_points
from typing import NamedTuple, Protocol, runtime_checkable

from presence.events.door import CONFIDENCE_MAX, MODERATOR, MODERATOR_VERSION
from presence.events.errors import CallerError
from presence.events.vocabulary import Category, Severity

GROUP = "presence.moderators"
DEFAULT = "rules"
NONE = "none"
"""Instead of a moderator's name: nobody's text is read."""
TEXT_CHARS_MAX = 4_000
"""How much of a text is read: more than nearly every post has, and what bounds the time that one can take."""


class Finding(NamedTuple):
    """What was found in a text, and how sure it is: 0 to 1_000_000 micro."""

    category: Category
    severity: Severity
    confidence_micro: int


@runtime_checkable
class Moderator(Protocol):
    """Reads one text at a time, in one thread. Pure: the same text gives the same findings in each of its versions."""

    name: str
    """A short code, up to 32 of [a-z0-9_.-]."""
    version: str
    """Another one wherever the same text may give other findings; up to 32 of [A-Za-z0-9_.+-]."""

    def read(self, text: str, /) -> Sequence[Finding]:
        """What there is in `text`, which has at most TEXT_CHARS_MAX characters; mostly nothing.

        It must keep no text and raise nothing for any string; its time must be linear in the length.
        """


def names() -> list[str]:
    """The moderators that are installed."""
    return sorted({each.name for each in entry_points(group=GROUP)})


def load(name: str = DEFAULT) -> Moderator | None:
    """The moderator of that name; None for `none`.

    Raises CallerError if it is not installed, or is not a moderator of that name.
    """
    if name == NONE:
        return None
    found = list(entry_points(group=GROUP, name=name))
    if not found:
        raise CallerError(f"{name} is no moderator that is installed here: {', '.join(names())} or {NONE}")
    moderator: Moderator = found[0].load()()
    fits = isinstance(moderator, Moderator) and moderator.name == name and MODERATOR.fullmatch(name)
    if not fits or not MODERATOR_VERSION.fullmatch(moderator.version):
        raise CallerError(f"the entry point {found[0].value} makes no moderator {name}")
    return moderator


def gravest(findings: Sequence[Finding]) -> Finding | None:
    """The one that a text is held to: the most severe, of these the surest. One text is one finding, and never a sum.

    Raises ValueError for one that says less or more than a finding can.
    """
    for each in findings:
        if not (each.severity and each.category and 0 <= each.confidence_micro <= CONFIDENCE_MAX):
            raise ValueError(f"no finding: {each}")
    return max(findings, key=lambda each: (each.severity, each.confidence_micro), default=None)
