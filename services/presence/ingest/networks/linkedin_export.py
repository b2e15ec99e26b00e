"""A member's export: some forty CSV files and a folder of articles, in a zip or unpacked.

Every row of every CSV file is an item. Which columns a file has depends on the year of the export, so rows are read by
the names of their columns. Facts on the files: https://www.linkedin.com/help/linkedin/answer/a1339364.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import BinaryIO, NamedTuple

import msgspec

from presence.events.errors import InvalidEvent
from presence.events.vocabulary import Gauge, TimeQuality
from presence.ingest.acts import Decoded, Native, Reading
from presence.ingest.exports.export import Export, Item, Part
from presence.ingest.exports.rows import rows
from presence.ingest.frames import Frame
from presence.ingest.networks import linkedin
from presence.ingest.networks.linkedin_dates import millis
from presence.ingest.reading import without_markup

ARTICLE = "article.html"
ARTICLE_BYTES_MAX = 2**20
OWN_ROWS_MAX = 1_000
"""How many invitations are looked at to learn the member's own profile."""

_OWN_NAME, _OWN_PROFILE, _TOTAL, _NEWEST = "own name", "own profile", "total", "newest"
"""What `items` adds to a row of what stands elsewhere in the export: so a decoder needs the row alone."""

Row = Mapping[str, str]
_row = msgspec.json.Decoder(dict[str, str])
_FILE_NUMBER = re.compile(r"(?:_*+\(?+\d++\)?+)++$")
"""The member's, as in `Shares_17529409.csv`, or a browser's, as in `Shares (1).csv`."""
_HEADERS: Mapping[str, frozenset[str]] = MappingProxyType(
    {"connections": frozenset({"first name", "connected on"})}
)
"""By what a header is known in the files that begin with notes."""


class _Own(NamedTuple):
    name: str = ""
    profile: str = ""


def items(export: Export) -> Iterator[Item]:
    """Every row of every CSV file, and every article."""
    parts = export.select("*.csv")
    articles = export.select("Articles/*.html", "Articles/Articles/*.html")
    own = _own(export, parts)

    def read(part: Part, file: BinaryIO) -> Iterator[Item]:
        kind = kind_of(part.base)
        found = _rows(file, kind)
        if kind == "connections":
            return _with_total(found)
        return (
            (_owned(each, own) for each in found)
            if kind in {"messages", "recommendations_received"}
            else found
        )

    yield from export.items(parts, read)
    yield from export.items(articles, _article)


def kind_of(base: str) -> str:
    """A file's name as the table has it: `Shares_17529409.csv` is `shares`, `Company Follows.csv` is `company_follows`."""
    stem = base.rsplit(".", 1)[0].casefold().replace(" ", "_").replace("-", "_")
    return _FILE_NUMBER.sub("", stem) or stem


def decode(frame: Frame, account: str, observed_ms: int) -> Decoded:
    """What one row, or one article, says.

    Raises InvalidEvent: `shape` (it lacks a column), `json`, `time` (not a time, or out of the log's range).
    """
    reader = READERS.get(frame.kind)
    if reader is None:
        return Decoded(skipped="unscored")
    try:
        row = _row.decode(frame.data)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise InvalidEvent("json") from error
    found = reader({name.casefold(): text.strip() for name, text in row.items()}, account, observed_ms)
    return Decoded(skipped=found) if isinstance(found, str) else Decoded(found)


def _rows(file: BinaryIO, kind: str) -> Iterator[Item]:
    wanted = _HEADERS.get(kind, frozenset())

    def is_header(row: Sequence[str]) -> bool:
        return wanted <= {cell.casefold() for cell in row}

    # Comments write a quote within quotes as \", all other files as "".
    return rows(file, kind, is_header=is_header, backslash_escapes=kind == "comments")


def _own(export: Export, parts: Sequence[Part]) -> _Own:
    """The member's name and profile, so that their own messages can be told from others'."""
    name = profile = ""
    for part in parts:
        kind = kind_of(part.base)
        if kind not in {"profile", "invitations"}:
            continue
        for number, item in enumerate(
            export.items([part], lambda part, file: _rows(file, kind_of(part.base)))
        ):
            if number >= OWN_ROWS_MAX or (name if kind == "profile" else profile):
                break
            if item.refused:
                continue
            row = {key.casefold(): text for key, text in _row.decode(item.data).items()}
            if kind == "profile":
                name = _name(row)
            else:
                mine = (
                    "inviterprofileurl"
                    if row.get("direction", "").upper() == "OUTGOING"
                    else "inviteeprofileurl"
                )
                profile = linkedin.profile(row.get(mine, ""))
    export.bytes_read = 0
    return _Own(name, profile)


def _owned(item: Item, own: _Own) -> Item:
    return item if item.refused else _added(item, {_OWN_NAME: own.name, _OWN_PROFILE: own.profile})


def _with_total(found: Iterator[Item]) -> Iterator[Item]:
    """The last of the connections also tells how many there are, and of when the newest is."""
    total, newest, last = 0, 0, None
    for item in found:
        if last is not None:
            yield last
        last = item
        if not item.refused:
            total += 1
            newest = max(newest, _connected_ms(item))
    if last is not None and not last.refused and newest:
        last = _added(last, {_TOTAL: str(total), _NEWEST: str(newest)})
    if last is not None:
        yield last


def _connected_ms(item: Item) -> int:
    try:
        row = {name.casefold(): text for name, text in _row.decode(item.data).items()}
        return millis(row.get("connected on", ""))[0]
    except (InvalidEvent, msgspec.DecodeError):
        return 0


def _added(item: Item, more: dict[str, str]) -> Item:
    row = _row.decode(item.data)
    return Item(msgspec.json.encode(row | more), item.kind)


_TAG = re.compile(r"<p class=\"(created|published)\">[^<]{0,40}?(\d{4}-\d\d-\d\d[ T]\d\d:\d\d(?::\d\d)?)")
_LINK = re.compile(r"<a href=\"(https://www\.linkedin\.com/pulse/[^\"]{1,300})\"")


def _article(part: Part, file: BinaryIO) -> Iterator[Item]:
    """An article of the folder Articles: an HTML page with the times of its making and publishing, and its link."""
    text = file.read(ARTICLE_BYTES_MAX).decode(errors="replace")
    told = dict(_TAG.findall(text))
    link = _LINK.search(text)
    row = {"link": link[1] if link else "", "name": part.base, "text": without_markup(text)}
    yield Item(msgspec.json.encode(told | row), ARTICLE)


def _share(row: Row, account: str, observed_ms: int) -> tuple[Native, ...]:
    number = _post(row.get("sharelink", "")) or _needed(row, "date")
    at_ms = linkedin.id_millis(number) or _at(row, "date")[0]
    act = linkedin.posted(number, account, at_ms, observed_ms)
    return (msgspec.structs.replace(act, text=row.get("sharecommentary", "")),)


def _repost(row: Row, account: str, observed_ms: int) -> tuple[Native, ...]:
    number = _post(row.get("link", "")) or _needed(row, "date")
    return (linkedin.reposted(number, account, _at(row, "date")[0], observed_ms),)


def _comment(row: Row, account: str, observed_ms: int) -> tuple[Native, ...]:
    link = row.get("link", "")
    number = linkedin.comment_id(link)
    at_ms = linkedin.id_millis(number) or _at(row, "date")[0]
    act = linkedin.commented(_post(link), number, account, at_ms, observed_ms)
    return (msgspec.structs.replace(act, text=row.get("message", "")),)


def _reaction(row: Row, account: str, observed_ms: int) -> tuple[Native, ...]:
    link = row.get("link", "")
    thing = linkedin.comment_id(link) or _post(link) or _needed(row, "date")
    return (linkedin.reacted(thing, account, _at(row, "date")[0], observed_ms),)


def _post(link: str) -> str:
    """The post behind a link: its number, or else the link itself, which older exports have in other forms."""
    return linkedin.post_id(link) or link[:400]


def _follow(what: str, name: str) -> "Reader":
    def read(row: Row, account: str, observed_ms: int) -> tuple[Native, ...] | str:
        if row.get("status", "ACTIVE").upper() != "ACTIVE":
            return "not_active"
        whom = _needed(row, name)
        column = next((each for each in ("followed on", "date") if each in row), "followed on")
        at_ms, quality = _at(row, column)
        return (linkedin.act(what, account, f"{what}/{whom}", at_ms, observed_ms, time_quality=quality),)

    return read


def _invitation(row: Row, account: str, observed_ms: int) -> tuple[Native, ...] | str:
    at_ms, quality = _at(row, "sent at")
    direction = row.get("direction", "").upper()
    other = "inviter" if direction == "INCOMING" else "invitee"
    who = linkedin.profile(row.get(f"{other}profileurl", "")) or _needed(
        row, "from" if other == "inviter" else "to"
    )
    if direction not in {"INCOMING", "OUTGOING"}:
        raise InvalidEvent("shape")
    what = "invitation" if direction == "INCOMING" else "invited"
    record = f"{what}/{who}/{at_ms // 1000}"
    return (linkedin.act(what, account, record, at_ms, observed_ms, by=who, time_quality=quality),)


def _connection(row: Row, account: str, observed_ms: int) -> tuple[Native, ...] | str:
    gauge = _connections(row, account)
    who = linkedin.profile(row.get("url", "")) or row.get("email address", "") or _name(row)
    if not who:
        return gauge or "hidden_member"
    at_ms, quality = _at(row, "connected on")
    act = linkedin.act(
        "connection", account, f"connection/{who}", at_ms, observed_ms, by=who, time_quality=quality
    )
    return (act, *gauge)


def _connections(row: Row, account: str) -> tuple[Reading, ...]:
    if _TOTAL not in row or _NEWEST not in row:
        return ()
    total, newest = row[_TOTAL], row[_NEWEST]
    if not (total.isdecimal() and newest.isdecimal() and len(total) < 13 and len(newest) < 16):
        raise InvalidEvent("shape")
    record = f"connections/{total}/{newest}"
    return (Reading(account, record, "total", Gauge.CONNECTIONS, int(total), int(newest), record),)


def _endorsement(what: str, other: str) -> "Reader":
    def read(row: Row, account: str, observed_ms: int) -> tuple[Native, ...] | str:
        status = row.get("endorsement status", "ACCEPTED").upper()
        if status != "ACCEPTED":
            return "not_accepted"
        at_ms, quality = _at(row, "endorsement date")
        who = linkedin.profile(row.get(f"{other} public url", "")) or _name(row, f"{other} ")
        if not who:
            return "hidden_member"
        record = f"{what}/{who}/{_needed(row, 'skill name')}"
        return (linkedin.act(what, account, record, at_ms, observed_ms, by=who, time_quality=quality),)

    return read


def _recommendation(what: str) -> "Reader":
    def read(row: Row, account: str, observed_ms: int) -> tuple[Native, ...] | str:
        if row.get("status", "VISIBLE").upper() != "VISIBLE":
            return "not_visible"
        at_ms, quality = _at(row, "creation date")
        who = _name(row)
        if not who:
            return "hidden_member"
        record = f"{what}/{who}/{at_ms // 1000}"
        return (linkedin.act(what, account, record, at_ms, observed_ms, by=who, time_quality=quality),)

    return read


def _message(row: Row, account: str, observed_ms: int) -> tuple[Native, ...] | str:
    if any(
        row.get(name, "").casefold() in {"yes", "true"}
        for name in ("is message draft", "is conversation draft")
    ):
        return "draft"
    if row.get("folder", "").upper() == "SPAM":
        return "spam"
    sender, name = linkedin.profile(row.get("sender profile url", "")), row.get("from", "")
    own, own_name = row.get(_OWN_PROFILE, ""), row.get(_OWN_NAME, "")
    if (sender and sender == own) or (name and name.casefold() == own_name.casefold()):
        return "sent"
    if not own and not own_name:
        return "unknown_direction"
    if not sender:
        return "no_sender"  # Advertisements, and members who have left.
    at_ms, _ = _at(row, "date")
    record = f"message/{row.get('conversation id', '')}/{sender}/{at_ms // 1000}"
    return (linkedin.act("message", account, record, at_ms, observed_ms, by=sender),)


def _written(row: Row, account: str, observed_ms: int) -> tuple[Native, ...] | str:
    if not row.get("published"):
        return "draft"
    at_ms = millis(row["published"])[0] // 60_000 * 60_000
    record = f"article/{at_ms // 1000}"
    act = linkedin.act("article", account, record, at_ms, observed_ms, ref=row.get("link", ""))
    return (msgspec.structs.replace(act, text=row.get("text", "")),)


def _at(row: Row, column: str) -> tuple[int, TimeQuality]:
    return millis(_needed(row, column))


def _needed(row: Row, column: str) -> str:
    if not row.get(column):
        raise InvalidEvent("shape")
    return row[column][:400]


def _name(row: Row, prefix: str = "") -> str:
    return f"{row.get(f'{prefix}first name', '')} {row.get(f'{prefix}last name', '')}".strip()[:400]


Reader = Callable[[Row, str, int], tuple[Native, ...] | str]
READERS: Mapping[str, Reader] = MappingProxyType(
    {
        "shares": _share,
        "instantreposts": _repost,
        "instant_reposts": _repost,
        "comments": _comment,
        "reactions": _reaction,
        "company_follows": _follow("follow", "organization"),
        "member_follows": _follow("follow_member", "fullname"),
        "invitations": _invitation,
        "connections": _connection,
        "endorsement_received_info": _endorsement("endorsement", "endorser"),
        "endorsements_received": _endorsement("endorsement", "endorser"),
        "endorsement_given_info": _endorsement("endorsed", "endorsee"),
        "endorsements_given": _endorsement("endorsed", "endorsee"),
        "recommendations_received": _recommendation("recommendation"),
        "recommendations_given": _recommendation("recommended"),
        "messages": _message,
        ARTICLE: _written,
    }
)
"""By the name of the file. Files that are not here, as Positions and Ad_Targeting, say what the member is, not how they come across."""
