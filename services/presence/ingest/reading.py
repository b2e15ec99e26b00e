"""Where a moderator reads what the enrolled publish. The text ends here: what goes on is a finding, or nothing."""

import html
import re
from collections import Counter

import structlog

from presence.conduct.moderator import TEXT_CHARS_MAX, Moderator, gravest
from presence.events.vocabulary import Decision, Event, EventId, Kind
from presence.roster.keys import DataKey

MARKUP_CHARS_MAX = 4 * TEXT_CHARS_MAX
"""How much of a text with markup is looked at: the rest of it is tags."""
_TAG = re.compile(r"<[^<>]{0,2000}>")
_QUOTED = re.compile(r"<blockquote\b.*?(?:</blockquote>|\Z)", re.DOTALL)

log = structlog.get_logger()


class Reading:
    """One moderator, or none, and how often it found something or failed."""

    def __init__(self, moderator: Moderator | None) -> None:
        self._moderator = moderator
        self.counts: Counter[str] = Counter()
        """`read` texts, of these `flagged` and `failed`: a moderator that fails accuses nobody and stops nothing."""

    def flag(self, text: str, act: Event, record: str, key: DataKey) -> Event | None:
        """The finding about `text`, which `act` published in the native `record`; None if there is none.

        Its id is made of the record and the moderator: however often a post is met, and however often it is edited, it
        has one finding of one moderator. It is as old as the act, so that whoever meets the act again says the same,
        and what people have decided about it since stands.
        """
        moderator = self._moderator
        if moderator is None or not text:
            return None
        self.counts["read"] += 1
        try:
            found = gravest(moderator.read(text[:TEXT_CHARS_MAX]))
        except Exception as error:  # noqa: BLE001 (another package's code; its message could hold the text)
            self.counts["failed"] += 1
            if self.counts["failed"] == 1:
                log.warning("the moderator fails", moderator=moderator.name, error=type(error).__name__)
            return None
        if found is None:
            return None
        self.counts["flagged"] += 1
        ref_id = key.event_id(act.network, f"{record}#flag-{moderator.name}")
        return Event(
            kind=Kind.FLAG,
            id=EventId(key.event_id(act.network, f"{act.id:016x}#flag-{moderator.name}")),
            person=act.person,
            network=act.network,
            account=act.account,
            ref_id=ref_id,
            occurred_ms=act.occurred_ms,
            observed_ms=act.occurred_ms,
            severity=found.severity,
            category=found.category,
            sealed_ref=act.sealed_ref,
            moderator=moderator.name,
            moderator_version=moderator.version,
            confidence_micro=found.confidence_micro,
            decision=Decision.FOUND,
        )


def without_markup(text: str) -> str:
    """HTML as its reader sees it, without what it quotes; as much of it as a moderator may want.

    >>> without_markup("<p>It&#39;s <b>me</b></p><blockquote>you</blockquote>")
    "It's me"
    """
    shown = _TAG.sub(" ", _QUOTED.sub(" ", text[:MARKUP_CHARS_MAX]))
    return " ".join(html.unescape(shown).split())
