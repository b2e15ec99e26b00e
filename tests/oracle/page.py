"""The numbers of the page `presence-1`, typed from it by hand.

They are not read from `presence-1.toml`: an agreement of the oracle and the core therefore
also says that the model file holds what the page says.
"""

from typing import NamedTuple

from presence.events.vocabulary import Direction, Event, Object, Severity, Verb

# Section 1.
DAY_MS = 86_400_000
WEEK_MS = 604_800_000
FIRST_MONDAY_MS = 345_600_000
AMOUNT_MAX = 2**42
FULL = 10**6
"""The share of one, in micro."""

# Section 4.
AUTHORED_PER_WEEK_MAX = 20_000
SLOT_MASK = 63


class Pillar(NamedTuple):
    """A pillar that is a saturated sum: weights in thousandths, half-life in days, T in nats."""

    authored: tuple[tuple[int, str], ...]
    received: tuple[tuple[int, str], ...]
    half_life_days: int
    full_at: int | None  # None: by network


PILLARS = ("reach", "resonance", "expertise", "voice", "upkeep", "inbound")

SATURATED = {
    "voice": Pillar(((1000, "POST"), (2000, "ARTICLE"), (300, "COMMENT")), (), 30, 40),
    "expertise": Pillar(((3000, "ARTICLE"),), ((3000, "ENDORSEMENT"),), 365, 200),
    "resonance": Pillar((), ((1000, "LIKE"), (2000, "REPLY"), (3000, "SHARE"), (2000, "MENTION")), 60, None),
    "inbound": Pillar((), ((5000, "INQUIRY"), (2000, "CONNECTION_REQUEST"), (100, "VIEW")), 60, 150),
}
GENEROSITY_HALF_LIFE_DAYS = 30
GENEROSITY_FULL_AT = 40
UPKEEP_HALF_LIFE_DAYS = 180
UPKEEP_SIGNALS = ("PROFILE_UPDATE", "POST", "ARTICLE", "COMMENT")
COMPLETENESS_ABSENT = 500_000


class NetworkNumbers(NamedTuple):
    resonance_full_at: int
    reach_full_at: int
    credibility: int  # thousandths


NETWORKS = {
    "x": NetworkNumbers(2500, 1_000_000, 900),
    "facebook": NetworkNumbers(600, 100_000, 800),
    "linkedin": NetworkNumbers(400, 30_000, 1000),
    "bluesky": NetworkNumbers(600, 100_000, 900),
    "mastodon": NetworkNumbers(300, 50_000, 900),
    "github": NetworkNumbers(300, 10_000, 900),
    "blog": NetworkNumbers(150, 10_000, 900),
    "google": NetworkNumbers(60, 100_000, 900),
    "yelp": NetworkNumbers(60, 1_000, 800),
    "glassdoor": NetworkNumbers(60, 10_000, 800),
}
ANY_OTHER_NETWORK = NetworkNumbers(300, 50_000, 700)

# Section 5.
L_MAX = 15_000_000


class KindNumbers(NamedTuple):
    percent: dict[str, int]
    reviews_up_to: int


def _percent(*numbers: int) -> dict[str, int]:
    return dict(zip(PILLARS, numbers, strict=True))


PERSON = KindNumbers(_percent(10, 30, 25, 15, 10, 10), 10_000)
BUSINESS = KindNumbers(_percent(15, 20, 10, 15, 15, 25), 30_000)

REVIEWS_HALF_LIFE_DAYS = 730
RATING_COUNT_MAX = 10**9
CONDUCT_HALF_LIFE_DAYS = 90
SEVERITY = {Severity.MINOR: 100_000, Severity.SERIOUS: 700_000, Severity.SEVERE: 2_300_000}
FACTOR_MIN = 50_000
EVIDENCE_HALF_LIFE_DAYS = 90

# Section 3. Each line of the table: a combination that matches, in the page's order.
_CREATE_BY = {
    Object.NOTE: "POST",
    Object.IMAGE: "POST",
    Object.EVENT: "POST",
    Object.ARTICLE: "ARTICLE",
    Object.VIDEO: "ARTICLE",
    Object.ANSWER: "ARTICLE",
    Object.REPOSITORY: "ARTICLE",
}
_APPRECIATION = {Verb.LIKE, Verb.ANNOUNCE, Verb.ENDORSE, Verb.FOLLOW, Verb.JOIN}
_RECEIVED = {
    Verb.LIKE: "LIKE",
    Verb.QUOTE: "REPLY",
    Verb.ANNOUNCE: "SHARE",
    Verb.MENTION: "MENTION",
    Verb.FOLLOW: "FOLLOW",
    Verb.ENDORSE: "ENDORSEMENT",
    Verb.STAR: "ENDORSEMENT",
    Verb.RECOMMEND: "ENDORSEMENT",
    Verb.MESSAGE: "INQUIRY",
    Verb.CALL: "INQUIRY",
    Verb.CONTACT_FORM: "INQUIRY",
    Verb.JOB_APPROACH: "INQUIRY",
    Verb.INVITE: "CONNECTION_REQUEST",
    Verb.VIEW: "VIEW",
    Verb.REVIEW: "REVIEW",
}


def signal_of(event: Event) -> str | None:
    """The signal that an ACTIVITY is, or None for a combination that the page does not name."""
    if event.direction == Direction.BY:
        return _authored(event)
    if event.verb == Verb.CREATE:
        return "REPLY" if event.object == Object.NOTE and event.in_reply_to_other else None
    if event.verb == Verb.ACCEPT:
        return "ENDORSEMENT" if event.object == Object.ANSWER else None
    return _RECEIVED.get(event.verb)


def _authored(event: Event) -> str | None:
    if event.verb in _APPRECIATION:
        return "APPRECIATION"
    if event.verb == Verb.UPDATE:
        return "PROFILE_UPDATE" if event.object == Object.PROFILE else None
    if event.verb != Verb.CREATE:
        return None
    if event.object == Object.NOTE and event.in_reply_to_other:
        return "COMMENT"
    return _CREATE_BY.get(event.object)
