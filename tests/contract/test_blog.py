"""Blogs over a real socket: conditional requests, redirects, servers that fail, and hubs that push."""

import hmac
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

import pytest
from tests.contract.polling import adds_up, polled, until

from presence.demo.wire.api import Answer
from presence.demo.wire.blog import NEW, Site, item, rss
from presence.events.errors import CallerError
from presence.events.vocabulary import TimeQuality
from presence.ingest.cursor import CursorStore
from presence.ingest.network import known
from presence.ingest.networks import blog_websub
from presence.ingest.networks.blog_poller import Feeds
from presence.ingest.polled import Found, Watch
from presence.ingest.webhooks.hook import Posted, Refused


def test_a_feed_is_asked_for_what_is_new_only(tmp_path: Path) -> None:
    with Site() as site:
        site.put("/feed.xml", rss(item(1), item(2)))
        with polled("blog", site, {}, [f"{site.url}/feed.xml"], tmp_path) as one:
            until(lambda: site.statuses("/feed.xml") >= 3)
            assert one.runner.counts.read == 2
            site.put("/feed.xml", rss(item(1), item(2), item(3, date="yesterday")))
            until(lambda: one.runner.counts.read == 3)
            assert site.asked[2].headers["if-modified-since"] == NEW
    adds_up(one.runner)
    qualities = Counter(event.time_quality for event in one.kept.events)
    assert qualities == {TimeQuality.EXACT: 2, TimeQuality.UNKNOWN: 1}


def test_each_format_and_content_type_is_read(tmp_path: Path) -> None:
    atom = (
        '<feed xmlns="http://www.w3.org/2005/Atom"><entry><id>tag:1</id><link href="1"/>'
        "<published>2026-06-01T10:00:00Z</published><updated>2026-07-01T10:00:00Z</updated></entry></feed>"
    )
    rdf = (
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/"><channel/><item><link>http://a.example/1</link>'
        "<dc:date>2026-06-01</dc:date></item></rdf:RDF>"
    )
    latin = '<rss version="0.91"><channel><item><title>caf\xe9</title></item></channel></rss>'.encode(
        "latin-1"
    )
    with Site() as site:
        site.put("/atom", atom.encode(), {"content-type": "text/html"})
        site.put("/rdf", rdf.encode("utf-16"))
        site.put("/latin", latin, {"content-type": "text/xml; charset=iso-8859-1"})
        item_ = '{"id": 1, "url": "https://a.example/1", "date_published": "2026-06-01T10:00:00+02:00"}'
        site.put(
            "/json",
            b'\xef\xbb\xbf{"version": "https://jsonfeed.org/version/1.1", "items": [%s, {"id": []}]}'
            % item_.encode(),
        )
        site.put("/page", b"<!doctype html><html><body>Sorry</body></html>")
        feeds = [f"{site.url}{path}" for path in site.feeds]
        with polled("blog", site, {}, feeds, tmp_path) as one:
            until(lambda: one.runner.counts.read == 6)
            until(lambda: site.statuses("/page") >= 2)
    adds_up(one.runner)
    assert (one.runner.counts.events, one.runner.counts.reasons) == (4, {"not_a_feed": 2})
    assert {event.time_quality for event in one.kept.events} == {
        TimeQuality.EXACT,
        TimeQuality.DAY,
        TimeQuality.UNKNOWN,
    }


def test_a_feed_that_moves_or_ends_is_followed_or_left(tmp_path: Path) -> None:
    with Site() as site:
        site.put("/new", rss(item(1)))
        site.feeds["/old"] = Answer(301, b"", {"location": "/new"})
        site.feeds["/gone"] = Answer(410, b"")
        site.feeds["/round"] = Answer(302, b"", {"location": "/round"})
        site.feeds["/away"] = Answer(302, b"", {"location": "file:///etc/passwd"})
        site.feeds["/busy"] = Answer(429, b"", {"retry-after": "3600"})
        feeds = [f"{site.url}{path}" for path in ("/old", "/gone", "/round", "/away", "/busy")]
        with polled("blog", site, {}, feeds, tmp_path) as one:
            until(lambda: site.statuses("/new") >= 4)
    assert one.runner.counts.read == 1
    assert [site.statuses(path) for path in ("/old", "/gone", "/away", "/busy")] == [1, 1, 1, 1]
    assert site.statuses("/round") == 6


def test_what_cannot_be_reached_keeps_no_other_and_claims_nothing(tmp_path: Path) -> None:
    with Site() as site, closing(CursorStore(tmp_path)) as cursors:
        site.put("/feed", rss(item(1)))
        feeds = Feeds({}, Watch(lambda: [f"{site.url}/feed", "http://127.0.0.1:9/none"], cursors))
        found: list[Found] = []
        while (step := feeds.step()) is not None:
            found.extend(step)
        assert len(found) == 1
        feeds.close()


SETTINGS = {blog_websub.SECRET: "s3cret", blog_websub.CALLBACK: "https://hooks.example/"}


def posted(
    path: str, body: bytes = b"", signature: str = "", query: Mapping[str, str] = MappingProxyType({})
) -> Posted:
    _, _, topic, mac = urlsplit(path).path.split("/")
    return Posted({"x-hub-signature": signature}, query, {"topic": topic, "mac": mac}, body)


def test_a_hub_is_asked_once_confirmed_and_believed_only_with_its_signature(tmp_path: Path) -> None:
    with Site() as site:
        head = '<link xmlns="http://www.w3.org/2005/Atom" rel="self" href="/feed?self"/>'
        site.put("/feed", rss(item(1), head=head), {"link": f'<{site.url}/hub>; rel="hub"'})
        with polled("blog", site, SETTINGS, [f"{site.url}/feed"], tmp_path):
            until(lambda: site.statuses("/feed") >= 3)
    (form,) = site.subscriptions
    topic = f"{site.url}/feed?self"
    assert (form["hub.mode"], form["hub.topic"]) == ("subscribe", topic)
    hook = blog_websub.hook(SETTINGS)
    callback = form["hub.callback"]
    asked = {"hub.mode": "subscribe", "hub.topic": topic, "hub.challenge": "abc"}
    assert hook.challenge(posted(callback, query=asked)).body == b"abc"
    for wrong in (asked | {"hub.topic": "https://b.example/"}, asked | {"hub.mode": "unsubscribe"}):
        with pytest.raises(Refused) as refused:
            hook.challenge(posted(callback, query=wrong))
        assert refused.value.status == 404
    with pytest.raises(Refused):
        hook.challenge(posted(callback[:-1] + ("0" if callback[-1] != "0" else "1"), query=asked))

    body = rss(item(1), item(2))
    for method in ("sha1", "sha256", "sha384", "sha512"):
        mac = hmac.new(form["hub.secret"].encode(), body, method).hexdigest()
        hook.verify(posted(callback, body, f"{method}={mac}"), 0)
    for signature in ("", f"sha256={mac}", f"md5={mac}", "sha256=", "sha256=\xe9"):
        with pytest.raises(Refused) as refused:
            hook.verify(posted(callback, body, signature), 0)
        assert refused.value.status == 401
    letters = hook.letters(posted(callback, body))
    assert [letter.kind for letter in letters] == ["entry", "entry"]


def test_half_of_the_settings_is_refused(tmp_path: Path) -> None:
    polling = known("blog").polling
    assert polling is not None
    with closing(CursorStore(tmp_path)) as cursors, pytest.raises(CallerError, match="both"):
        polling.poller({blog_websub.SECRET: "x"}, Watch(lambda: (), cursors))
