"""GitHub: what its events mean, whether they come as a webhook, from the events API, or out of GH Archive. Pure.

An account is a login in lower case: owners and, before 2015, everybody are named by nothing else. What was made is known by its
number, and happened when GitHub says that it was made, so that each way of hearing of it gives the same.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import NamedTuple

import msgspec

from presence.events.errors import InvalidEvent
from presence.events.vocabulary import Gauge, Network, TimeQuality
from presence.ingest.acts import Act, Decoded, Native, Reading, Retraction
from presence.ingest.decoding import REF_CHARS_MAX, guarded, in_range, iso_millis, required
from presence.ingest.frames import Frame
from presence.ingest.networks.github_records import (
    Account,
    Listed,
    Made,
    Payload,
    Posted,
    Profile,
    Repository,
)
from presence.ingest.networks.github_table import LISTED_AS, TABLE

NETWORK = Network("github")
PROFILE = "profile"
"""The kind of a frame that the poller makes of an account; any other is an event."""
WITHOUT_REPOSITORY = frozenset({"follow", "sponsorship"})
UNSCORED = "unscored"
BOT = "bot"
"""What a program does says nothing of how somebody comes across."""


class Happening(NamedTuple):
    """One event, whichever way it came. `at_ms`: when GitHub told of it; 0 if it did not say."""

    name: str
    payload: Payload
    by: str
    repo: Repository
    owner: str
    at_ms: int
    observed_ms: int

    @property
    def action(self) -> str:
        """What happened to the thing; the events API of old left it out where only one thing could."""
        return self.payload.action or "created"


_posted = msgspec.json.Decoder(Posted)
_payload = msgspec.json.Decoder(Payload)
_listed = msgspec.json.Decoder(Listed)
_profile = msgspec.json.Decoder(Profile)


def decode(frame: Frame, observed_ms: int) -> Decoded:
    """What a webhook's body says; `frame.kind` is the event's name, and empty for an event of the events API.

    Raises InvalidEvent: `json`, `shape`, `nesting`, `time`.
    """
    with guarded():
        if frame.kind == PROFILE:
            return _shown(_profile.decode(frame.data), observed_ms)
        return _listed_says(frame.data, observed_ms) if not frame.kind else _hook_says(frame, observed_ms)


def _shown(profile: Profile, observed_ms: int) -> Decoded:
    login, at_ms = required(profile.login).lower(), in_range(profile.at_ms, observed_ms)
    parts = (profile.name, profile.bio, profile.blog, profile.location, profile.company)
    shown = {Gauge.PROFILE_COMPLETENESS: 20 * sum(bool(part) for part in parts)}
    if profile.followers is not None:
        shown[Gauge.FOLLOWERS] = profile.followers
    record, ref = f"profile/{login}@{at_ms}", f"https://github.com/{login}"
    return Decoded(
        tuple(
            Reading(login, record, gauge.name.lower(), gauge, value, at_ms, ref)
            for gauge, value in shown.items()
        )
    )


def _hook_says(frame: Frame, observed_ms: int) -> Decoded:
    if frame.kind not in _READERS:
        return Decoded(skipped="ping" if frame.kind == "ping" else UNSCORED)
    posted, payload = _posted.decode(frame.data), _payload.decode(frame.data)
    repo = posted.repository or Repository()
    by = required(posted.sender)
    return _says(Happening(frame.kind, payload, _login(by), repo, _owner(repo), 0, observed_ms), by)


def _listed_says(data: bytes, observed_ms: int) -> Decoded:
    event = _listed.decode(data)
    name = LISTED_AS.get(event.type)
    if name is None:
        return Decoded(skipped=UNSCORED)
    actor = event.actor
    if not actor:
        return Decoded(skipped="no_actor")
    repo = event.repo or event.repository or Repository()
    if repo.id is None and name not in WITHOUT_REPOSITORY:
        return Decoded(skipped="no_repository")
    by = Account(actor) if isinstance(actor, str) else actor
    payload = _payload.decode(event.payload)
    at_ms = iso_millis(_iso(event.created_at), observed_ms)
    return _says(Happening(name, payload, _login(by), repo, _owner(repo), at_ms, observed_ms), by)


def _says(happening: Happening, by: Account) -> Decoded:
    if by.type == "Bot" or happening.by.endswith("[bot]"):
        return Decoded(skipped=BOT)
    said = _READERS[happening.name](happening)
    return Decoded(skipped=said) if isinstance(said, str) else Decoded(tuple(said))


Said = Iterator[Native] | str
"""Acts, or why there are none."""


def _starred(one: Happening) -> Said:
    record = f"star/{required(one.repo.id)}/{one.by}"
    if one.action == "deleted":
        return iter((Retraction(one.by, record, "by"),))
    return _both(one, "star", record, _time(one, one.payload.starred_at), to=one.owner)


def _forked(one: Happening) -> Said:
    forkee = one.payload.forkee or 0
    made = Made(forkee) if isinstance(forkee, int) else forkee
    return _both(one, "fork", f"fork/{required(made.id)}", _time(one, made.created_at), to=one.owner)


def _followed(one: Happening) -> Said:
    whom = _login(required(one.payload.target))
    return _both(one, "follow", f"follow/{one.by}/{whom}", _time(one, None), to=whom)


def _sponsored(one: Happening) -> Said:
    if one.action != "created":
        return UNSCORED
    sponsorship = required(one.payload.sponsorship)
    by = one._replace(by=_login(sponsorship.sponsor))
    at_ms = _time(one, sponsorship.created_at)
    return _both(
        by, "sponsorship", f"sponsorship/{sponsorship.node_id}", at_ms, to=_login(sponsorship.sponsorable)
    )


def _pushed(one: Happening) -> Said:
    payload = one.payload
    ref, head = required(payload.ref), payload.head or required(payload.after)
    if not ref.startswith("refs/heads/") or payload.deleted:
        return UNSCORED
    if payload.distinct_size == 0 or payload.commits == ():
        return "no_commits"
    record = f"push/{required(one.repo.id)}/{ref}/{head}"
    return iter((_act(one, "push", record, _time(one, one.repo.pushed_at)),))


def _created(one: Happening) -> Said:
    if one.payload.ref_type != "repository":
        return UNSCORED
    return _new_repository(one)


def _new_repository(one: Happening) -> Said:
    record = f"repository/{required(one.repo.id)}"
    if one.name == "repository" and one.action in {"deleted", "privatized"}:
        return iter((Retraction(one.owner, record, "by"),))
    if one.name == "repository" and one.action not in {"created", "publicized"}:
        return UNSCORED
    return iter((_act(one, "repository", record, _time(one, one.repo.created_at)),))


def _released(one: Happening) -> Said:
    release = required(one.payload.release)
    record = f"release/{required(release.id)}"
    author = _author(release) or one.by
    if one.action in {"deleted", "unpublished"}:
        return iter((Retraction(author, record, "by"),))
    if one.action != "published":
        return UNSCORED
    by = one._replace(by=author)
    return iter((_act(by, "release", record, _time(one, release.published_at), made=release),))


def _wrote_wiki(one: Happening) -> Said:
    page = next((page for page in one.payload.pages if page.action == "created"), None)
    if page is None:
        return "edited"
    record = f"wiki/{required(one.repo.id)}/{required(page.sha)}"
    return iter((_act(one, "wiki", record, _time(one, None)),))


def _issue(one: Happening) -> Said:
    issue = one.payload.issue or 0
    made = Made(issue) if isinstance(issue, int) else issue
    return _opened(one, "issue", made, f"issue/{required(made.id)}")


def _discussion(one: Happening) -> Said:
    made, answer = required(one.payload.discussion), one.payload.answer
    if one.action == "answered":
        whose = _author(required(answer))
        return _both(
            one, "answer", f"answer/{required(required(answer).id)}", _time(one, None), to=required(whose)
        )
    if one.action == "unanswered":
        return UNSCORED
    return _opened(one, "issue", made, f"discussion/{required(made.id)}")


def _pull_request(one: Happening) -> Said:
    made = required(one.payload.pull_request)
    if not made.id:
        return "trimmed"
    if one.action == "merged" or (one.action == "closed" and made.merged):
        whose = _author(made)
        if not whose:
            return "trimmed"
        return _both(one, "merge", f"merge/{made.id}", _time(one, made.merged_at), to=whose, made=made)
    return _opened(one, "pull", made, f"pull/{made.id}")


def _opened(one: Happening, word: str, made: Made, record: str) -> Said:
    author = _author(made) or one.by
    if one.action == "deleted":
        return iter((Retraction(author, record, "by"),))
    if one.action not in {"opened", "created"}:
        return "edited" if one.action == "edited" else UNSCORED
    by = one._replace(by=author)
    return _answer(by, word, record, _time(one, made.created_at), to=one.owner, made=made)


def _reviewed(one: Happening) -> Said:
    review, whose = required(one.payload.review), _author(one.payload.pull_request)
    record = f"review/{required(review.id)}"
    author = _author(review) or one.by
    if one.action == "dismissed":
        return iter((Retraction(author, record, "by"),))
    if one.action not in {"submitted", "created"}:
        return "edited" if one.action == "edited" else UNSCORED
    by, at_ms = one._replace(by=author), _time(one, review.submitted_at)
    if (review.state or "").lower() == "approved":
        return _both(by, "approval", record, at_ms, to=whose, made=review)
    return _answer(by, "comment", record, at_ms, to=whose, made=review)


def _commented(one: Happening) -> Said:
    payload = one.payload
    made = payload.comment or Made(required(payload.comment_id))
    record = f"{one.name}/{required(made.id)}"
    author = _author(made) or one.by
    if one.action == "deleted":
        return iter((Retraction(author, record, "by"),))
    if one.action != "created":
        return "edited" if one.action == "edited" else UNSCORED
    issue = payload.issue if isinstance(payload.issue, Made) else None
    whose = _author(payload.pull_request) or _author(issue) or _author(payload.discussion) or one.owner
    return _answer(
        one._replace(by=author), "comment", record, _time(one, made.created_at), to=whose, made=made
    )


WRITTEN = frozenset({"issue", "pull", "comment", "approval", "release"})
"""What has a text of its author's own."""
_READERS: Mapping[str, Callable[[Happening], Said]] = MappingProxyType(
    {
        "star": _starred,
        "fork": _forked,
        "follow": _followed,
        "sponsorship": _sponsored,
        "push": _pushed,
        "create": _created,
        "public": _new_repository,
        "repository": _new_repository,
        "release": _released,
        "gollum": _wrote_wiki,
        "issues": _issue,
        "discussion": _discussion,
        "pull_request": _pull_request,
        "pull_request_review": _reviewed,
        "issue_comment": _commented,
        "commit_comment": _commented,
        "pull_request_review_comment": _commented,
        "discussion_comment": _commented,
    }
)


def _both(
    one: Happening, word: str, record: str, at_ms: int, *, to: str, made: Made | None = None
) -> Iterator[Native]:
    """What `one.by` did, and that it was done to somebody, if that is another."""
    yield _act(one, word, record, at_ms, made=made)
    if to and to != one.by:
        yield _act(one, word, record, at_ms, made=made, about=to, what="to")


def _answer(
    one: Happening, word: str, record: str, at_ms: int, *, to: str, made: Made | None = None
) -> Iterator[Native]:
    """What `one.by` said, and that it was said to somebody, if that is another."""
    yield _act(one, word, record, at_ms, made=made, answers=to)
    if to and to != one.by:
        yield _act(one, word, record, at_ms, made=made, answers=to, about=to, what="reply")


def _act(
    one: Happening,
    word: str,
    record: str,
    at_ms: int,
    *,
    made: Made | None = None,
    about: str = "",
    what: str = "by",
    answers: str = "",
) -> Act:
    meaning = TABLE[word, what]
    page = f"https://github.com/{one.repo.full_name or one.repo.name}"
    ref = (made and made.html_url) or one.repo.html_url or page
    return Act(
        about=about or one.by,
        by=one.by,
        record=record,
        what=what,
        direction=meaning.direction,
        verb=meaning.verb,
        object=meaning.object,
        occurred_ms=at_ms,
        ref=ref[:REF_CHARS_MAX],
        answers=answers,
        time_quality=TimeQuality.UNKNOWN if at_ms == one.observed_ms else TimeQuality.EXACT,
        text=_text(made) if what == "by" and word in WRITTEN else "",
    )


def _text(made: Made | None) -> str:
    """What its author wrote; lines that begin with `>` quote others."""
    parts = (made.title, made.name, made.body) if made else ()
    return "\n".join(part for part in parts if part)


def _time(one: Happening, made: int | str | None) -> int:
    """When the thing was made, as far as GitHub says, else when it told of it."""
    if isinstance(made, int):
        return in_range(made * 1000, one.observed_ms)
    if made:
        return iso_millis(_iso(made), one.observed_ms)
    return one.at_ms or one.observed_ms


def _iso(text: str) -> str:
    """The times of 2011, `2011/05/01 16:23:05 -0700`, as ISO 8601; any other as it is."""
    if text[4:5] != "/":
        return text
    try:
        return datetime.strptime(text, "%Y/%m/%d %H:%M:%S %z").astimezone(UTC).isoformat()
    except (ValueError, OverflowError) as error:
        raise InvalidEvent("time") from error


def _login(account: Account) -> str:
    return required(account.login).lower()


def _author(made: Made | None) -> str:
    """Who made it; empty if that is not said, or their account is gone."""
    account = made and (made.user or made.author)
    return account.login.lower() if account else ""


def _owner(repo: Repository) -> str:
    """Whose repository it is, by login; empty if it is nobody's."""
    if isinstance(repo.owner, Account):
        return repo.owner.login.lower()
    return (repo.owner or repo.name.partition("/")[0]).lower()
