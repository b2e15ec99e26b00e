"""What stands in a feed: RSS 0.9 to 2.0, RDF, Atom 0.3 and 1.0, JSON Feed, and the exports of WordPress and Blogger.

A feed is hostile input. XML is read as a stream, without entities, DTD or network; an entry has a bounded number of elements. What is only
badly written (a bare ampersand, an unknown entity, a wrong encoding) is read as far as it can be, as every reader of feeds does.
"""

import base64
import hashlib
import html
import io
import re
from collections.abc import Iterator, Sequence
from types import MappingProxyType
from typing import Any, BinaryIO

import msgspec
from lxml import etree

from presence.conduct.moderator import TEXT_CHARS_MAX as MODERATED_CHARS_MAX
from presence.events.errors import InvalidEvent
from presence.ingest.decoding import guarded
from presence.ingest.reading import without_markup

ELEMENTS_MAX = 10_000
"""Of one entry; the longest real ones have some hundred."""
TEXT_CHARS_MAX = 4_096
"""Of a text that is kept."""
SNIFFED_BYTES = 1_024

ATOM, ATOM_03 = "http://www.w3.org/2005/Atom", "http://purl.org/atom/ns#"
RSS_1, RSS_09 = "http://purl.org/rss/1.0/", "http://my.netscape.com/rdf/simple/0.9/"
ROOTS = frozenset({"rss", "feed", "RDF"})
ENTRIES = frozenset(
    {"item", f"{{{RSS_1}}}item", f"{{{RSS_09}}}item", f"{{{ATOM}}}entry", f"{{{ATOM_03}}}entry"}
)
FIELDS = MappingProxyType(
    {
        "guid": "guid",  # https://www.rssboard.org/rss-specification#ltguidgtSubelementOfLtitemgt
        "id": "guid",  # https://www.rfc-editor.org/rfc/rfc4287#section-4.2.6
        "pubDate": "published",  # https://www.rssboard.org/rss-specification#ltpubdategtSubelementOfLtitemgt
        "date": "published",  # Dublin Core, as RSS 1.0 has it: https://web.resource.org/rss/1.0/modules/dc/
        "published": "published",  # https://www.rfc-editor.org/rfc/rfc4287#section-4.2.9
        "issued": "published",  # Atom 0.3
        "created": "published",  # Atom 0.3 and Dublin Core's terms
        "updated": "updated",  # https://www.rfc-editor.org/rfc/rfc4287#section-4.2.15
        "modified": "updated",  # Atom 0.3 and Dublin Core's terms
        "post_type": "post_type",  # WordPress's export, https://wordpress.org/documentation/article/tools-export-screen/
        "status": "status",
        "draft": "draft",  # https://www.rfc-editor.org/rfc/rfc5023#section-13.1.1
    }
)
BLOGGER_KIND = "http://schemas.google.com/g/2005#kind"
_ENCODING = re.compile(rb"^\s*<\?xml[^>]{0,200}\sencoding\s*=")
_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One post as its feed shows it; `feed` is the account, `base` what relative links in it stand against.

    `digest` stands for its text, for entries that nothing else names; `text` is its beginning. `hidden` is why it is no public post.
    """

    feed: str = ""
    guid: str = ""
    link: str = ""
    digest: str = ""
    published: str = ""
    updated: str = ""
    media: str = ""
    base: str = ""
    hidden: str = ""
    text: str = ""


class Feed:
    """The entries of one feed, and after them what its head told: `hubs` and `itself`, its own address."""

    def __init__(self) -> None:
        self.hubs: list[str] = []
        self.itself = ""

    def entries(self, data: bytes, charset: str = "") -> Iterator[Entry | bytes]:
        """Each entry; as bytes, one that cannot be read. `charset`: what HTTP says. Raises InvalidEvent: `not_a_feed`, `too_long`."""
        if is_json(data[:SNIFFED_BYTES]):
            yield from self._of_json(data)
        else:
            declared = bool(_ENCODING.match(data[:SNIFFED_BYTES])) or data.startswith(_MARKS)
            yield from self.of_xml(io.BytesIO(data), "" if declared else charset)

    def of_xml(self, file: BinaryIO, encoding: str = "") -> Iterator[Entry]:
        """The entries of an XML file of any length, in the memory that one entry takes. Raises as `entries`."""
        try:
            yield from self._of_events(_events(file, encoding))
        except etree.LxmlError as error:
            raise InvalidEvent("not_a_feed") from error

    def _of_events(self, events: Any) -> Iterator[Entry]:
        entry: Any = None
        is_first, elements, found = True, 0, 0
        for event, element in events:
            if event == "start":
                elements += 1
                if is_first and _local(element) not in ROOTS:
                    raise InvalidEvent("not_a_feed")
                is_first = False
                if entry is None and element.tag in ENTRIES:
                    entry, elements = element, 0
                elif entry is not None and elements > ELEMENTS_MAX:
                    raise InvalidEvent("too_long")
            elif entry is None:
                self._head(element)
                _forget(element)
            elif element is entry:
                yield _entry(element)
                _forget(element)
                entry, found = None, found + 1
        if is_first or (not found and events.error_log):  # As of one that is cut, or grows by its entities.
            raise InvalidEvent("not_a_feed")

    def _head(self, element: Any) -> None:
        if _local(element) == "link" and len(self.hubs) < 4:
            if element.get("rel") == "hub":
                self.hubs.append(_short(element.get("href")))
            elif element.get("rel") == "self":
                self.itself = _short(element.get("href"))

    def _of_json(self, data: bytes) -> Iterator[Entry | bytes]:
        with guarded():
            feed = msgspec.json.decode(data.removeprefix(b"\xef\xbb\xbf"), type=_JsonFeed)
        if not feed.version.startswith("https://jsonfeed.org/"):
            raise InvalidEvent("not_a_feed")
        self.hubs, self.itself = [each.url for each in feed.hubs if each.type == "WebSub"][:4], feed.feed_url
        for item in feed.items:
            try:
                yield json_entry(bytes(item))
            except InvalidEvent:
                yield bytes(item)


class _Hub(msgspec.Struct):
    type: str
    url: str


class _JsonFeed(msgspec.Struct):
    """Source: https://www.jsonfeed.org/version/1.1/ ."""

    version: str
    items: list[msgspec.Raw]
    hubs: Sequence[_Hub] = ()
    feed_url: str = ""


class _Attachment(msgspec.Struct):
    mime_type: str = ""


class _JsonItem(msgspec.Struct):
    """Its `id` is a string; older publishers write a number, which the reference asks us to take."""

    id: str | int | float | None = None
    url: str | None = None
    external_url: str | None = None
    title: str | None = None
    content_text: str | None = None
    content_html: str | None = None
    date_published: str | None = None
    date_modified: str | None = None
    attachments: Sequence[_Attachment] | None = None


def is_json(start: bytes) -> bool:
    """Whether a feed that begins so is JSON, whatever its name or content type says."""
    return start.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in {b"{", b"["}


def json_entry(item: bytes) -> Entry:
    """One item of a JSON Feed. Raises InvalidEvent: `json`, `shape`, `nesting`."""
    with guarded():
        told = msgspec.json.decode(item, type=_JsonItem)
    media = next((each.mime_type for each in told.attachments or () if each.mime_type), "")
    return Entry(
        guid=_short(str(told.id) if told.id is not None else ""),
        link=_short(told.url or told.external_url),
        digest=_digest(told.title, told.content_text or told.content_html),
        published=_short(told.date_published),
        updated=_short(told.date_modified),
        media=_short(media),
        text=_text(told.title, told.content_text or told.content_html),
    )


def _events(file: BinaryIO, encoding: str) -> Any:
    options: dict[str, Any] = {
        "events": ("start", "end"),
        "recover": True,
        "resolve_entities": False,
        "load_dtd": False,
        "no_network": True,
        "huge_tree": False,
        "remove_comments": True,
        "remove_pis": True,
    }
    try:
        return etree.iterparse(file, encoding=encoding or None, **options)
    except LookupError:  # HTTP names an encoding that nobody knows.
        return etree.iterparse(file, **options)


def _entry(element: Any) -> Entry:
    told: dict[str, str] = {}
    texts: dict[str, str] = {}
    hidden = ""
    for child in element.iterchildren(etree.Element):
        name = _local(child)
        if name in FIELDS:
            told.setdefault(FIELDS[name], _short(child.text))
        elif name == "link":
            told.update(_link(child, told))
        elif name in {"enclosure", "content"} and child.get("type"):
            told.setdefault("media", _short(child.get("type")))
        elif name == "control":
            told.setdefault("draft", _short("".join(child.itertext())))
        elif name == "category" and child.get("scheme") == BLOGGER_KIND:
            hidden = "" if str(child.get("term")).endswith("#post") else "not_a_post"
        if name in {"title", "description", "summary", "content"}:
            texts.setdefault(name, "".join(child.itertext()))
    if told.pop("post_type", "post") != "post":
        hidden = "not_a_post"
    if told.pop("draft", "no") == "yes" or told.pop("status", "publish") not in {"publish", ""}:
        hidden = hidden or "not_public"
    title = texts.pop("title", "")
    told.pop("rel", "")
    return Entry(
        **told,
        digest=_digest(title, next(iter(texts.values()), "")),
        base=_short(element.base),
        hidden=hidden,
        text=_text(title, texts.get("content") or next(iter(texts.values()), "")),
    )


def _link(child: Any, told: dict[str, str]) -> dict[str, str]:
    """Atom's link to the page itself, or RSS's; the first of the kind counts."""
    rel = child.get("rel", "alternate")
    if rel == "enclosure":
        return {"media": told.get("media") or _short(child.get("type"))}
    link = _short(child.get("href") or child.text)
    return {"link": link} if rel == "alternate" and link and "link" not in told else {}


def _digest(title: str | None, text: str | None) -> str:
    """Of what a reader would see of it; empty if that is nothing. Escaped once or twice, it is the same title."""
    seen = " ".join(html.unescape(html.unescape(f"{title or ''}\n{text or ''}")).split())
    hashed = hashlib.sha256(seen.encode(errors="replace")).digest()[:16]
    return base64.urlsafe_b64encode(hashed).decode() if seen else ""


def _text(title: str | None, text: str | None) -> str:
    """As its reader sees it, as much as a moderator may want."""
    return without_markup(f"{title or ''}\n{text or ''}")[:MODERATED_CHARS_MAX]


def _local(element: Any) -> str:
    return str(element.tag).rpartition("}")[2]


def _short(text: str | None) -> str:
    return (text or "")[: 2 * TEXT_CHARS_MAX].strip()[:TEXT_CHARS_MAX]


def _forget(element: Any) -> None:
    """Let go of what was read, also of what stands before it."""
    element.clear()
    while element.getprevious() is not None:
        del element.getparent()[0]
