"""Who is connected to whom, and what their company is worth. Pure, all in integers.

Two people are connected if each of them follows the other or has reacted to something of the other's. How strong the
connection is, is what the weaker side gives: FOLLOW for following, REACTION for having reacted at all, however often.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from presence.events.door import ASSOCIATES_MAX, NUMBER_MAX
from presence.events.vocabulary import PersonId, Verb

FOLLOW, REACTION = 3, 1
"""Chosen: who follows wants to hear everything; a reaction is of one moment."""
FOLLOWING = frozenset({Verb.FOLLOW})
REACTING = frozenset(
    {
        Verb.LIKE,
        Verb.ANNOUNCE,
        Verb.CREATE,
        Verb.MENTION,
        Verb.QUOTE,
        Verb.ENDORSE,
        Verb.ACCEPT,
        Verb.STAR,
        Verb.RECOMMEND,
    }
)
NEUTRAL = 50_000
"""The mean that adds nothing to a score, millipoints: of who has no company any more."""


class Tie(NamedTuple):
    """A connection: to whom, how strong (FOLLOW + REACTION at most), and their score by their own deeds, millipoints."""

    person: PersonId
    weight: int
    score: int


class Company(NamedTuple):
    """The mean score, millipoints, of `number` people; `named` are those who weigh most."""

    mean: int
    number: int
    named: tuple[PersonId, ...]


NOBODY = Company(NEUTRAL, 1, ())
"""Of who had company once: it adds exactly nothing."""


def strength(*, follows: bool, reacts: bool) -> int:
    """What one side gives to a connection: 0 to FOLLOW + REACTION."""
    return FOLLOW * follows + REACTION * reacts


def company(ties: Iterable[Tie]) -> Company:
    """The company of these connections; NOBODY of none.

    The mean is weighted by strength, and rounded down. Whoever weighs and scores most is named first; of equals, the ids decide.

    >>> company([Tie(PersonId("p_a"), 4, 80_000), Tie(PersonId("p_b"), 1, 30_000)])
    Company(mean=70000, number=2, named=('p_a', 'p_b'))
    """
    found: Sequence[Tie] = sorted(ties, key=lambda tie: (-tie.weight, -tie.score, tie.person))
    if not found:
        return NOBODY
    weights = sum(tie.weight for tie in found)
    mean = sum(tie.weight * tie.score for tie in found) // weights
    return Company(mean, min(len(found), NUMBER_MAX), tuple(tie.person for tie in found[:ASSOCIATES_MAX]))


def own_score(entries: Iterable[tuple[str, int]], factor_micro: int) -> int:
    """A score by its person's own deeds, millipoints: its waterfall's `entries` without company, under `factor_micro`.

    So nobody's company is ever counted in anybody's company, and the job cannot feed back on itself.

    >>> own_score([("voice", 60_000), ("associates", 9_000), ("conduct", -34_500)], 500_000)
    30000
    """
    own = sum(millipoints for entry, millipoints in entries if entry not in {"associates", "clip", "conduct"})
    return min(max(own, 0), 100_000) * factor_micro // 1_000_000
