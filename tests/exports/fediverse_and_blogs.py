"""Mastodon's archive and the exports of blogs, in their real layouts, with the oddities that they have."""

import json
from pathlib import Path
from typing import Any

from presence.demo.wire.mastodon import HOST, archived, boost, mention, snowflake, status, uri_of

ACTOR = f"https://{HOST}/users/ada"
ACCOUNT = f"ada@{HOST}"


def outbox() -> list[Any]:
    first = status("ada", 1)
    told = [
        first,
        status("ada", 2, in_reply_to_id=first["id"], in_reply_to_account_id="11"),
        status("ada", 3, in_reply_to_id="9", in_reply_to_account_id="22", mentions=[mention("bo")]),
        status("ada", 4, visibility="unlisted", media_attachments=[{"type": "video"}]),
        status("ada", 5, visibility="private"),
        status("ada", 6, visibility="direct", mentions=[mention("bo")]),
        boost("ada", 7, status("bo", 7)),
    ]
    items: list[Any] = [archived(each) for each in told]
    own_private = archived(boost("ada", 8, first)) | {"object": archived(status("ada", 5))["object"]}
    poll = archived(status("ada", 9))
    poll["object"] |= {"type": "Question", "oneOf": [{"type": "Note", "name": "yes"}]}
    broken = archived(status("ada", 10)) | {"published": "yesterday"}
    moved = {
        "type": "Move",
        "actor": ACTOR,
        "published": "2026-06-01T10:00:00Z",
        "object": ACTOR + "/",
        "to": "as:Public",
    }
    return [*items, own_private, poll, broken, moved, {"type": "Create"}, "text"]


def mastodon(folder: Path) -> Path:
    (folder / "media_attachments").mkdir(parents=True)
    (folder / "media_attachments" / "1.png").write_bytes(b"png")
    items = outbox()
    head = {"@context": ["https://www.w3.org/ns/activitystreams", {"toot": "x"}], "id": "outbox.json"}
    whole = head | {"type": "OrderedCollection", "totalItems": len(items) + 1, "orderedItems": items}
    (folder / "outbox.json").write_text(json.dumps(whole))
    liked = [
        uri_of("bo", 1),
        "https://pleroma.example/objects/1-2-3",
        f"https://{HOST}/users/bo/statuses/{snowflake(1)}",
        7,
    ]
    likes = {"type": "OrderedCollection", "totalItems": len(liked), "orderedItems": liked}
    (folder / "likes.json").write_text(json.dumps(likes))
    (folder / "bookmarks.json").write_text(json.dumps(likes))
    actor = {"id": ACTOR, "type": "Person", "preferredUsername": "ada", "outbox": "outbox.json"}
    (folder / "actor.json").write_text(json.dumps(actor))
    return folder


MASTODON_COUNTS: dict[str, Any] = {
    # 13 of the outbox, 4 favourites; actor, bookmarks and a picture are other files.
    "read": 20,
    "events": 8,
    "undo": 0,
    "gauges": 0,
    "skipped": {"not_public": 2, "undated": 2, "unscored": 1, "other_file": 3},
    "dlq": 4,
}

WORDPRESS = """<?xml version="1.0" encoding="UTF-8" ?>
<!-- generator="WordPress/6.8" -->
<rss version="2.0" xmlns:excerpt="http://wordpress.org/export/1.2/excerpt/" xmlns:content="http://purl.org/rss/1.0/modules/content/"
 xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:wp="http://wordpress.org/export/1.2/">
<channel><title>Ada</title><link>https://blog.example</link><wp:wxr_version>1.2</wp:wxr_version>
<item><title><![CDATA[One]]></title><link>https://blog.example/one/</link><pubDate>Mon, 01 Jun 2026 10:00:00 +0000</pubDate>
 <guid isPermaLink="false">https://blog.example/?p=1</guid><content:encoded><![CDATA[<p>text &nbsp; ]]></content:encoded>
 <wp:status><![CDATA[publish]]></wp:status><wp:post_type><![CDATA[post]]></wp:post_type></item>
<item><title>Draft</title><guid>https://blog.example/?p=2</guid><pubDate></pubDate><wp:status>draft</wp:status><wp:post_type>post</wp:post_type></item>
<item><title>About</title><guid>https://blog.example/?page_id=3</guid><wp:status>publish</wp:status><wp:post_type>page</wp:post_type></item>
<item><title>picture</title><guid>https://blog.example/a.png</guid><wp:status>inherit</wp:status><wp:post_type>attachment</wp:post_type></item>
<item><title>Old</title><guid>https://blog.example/?p=5</guid><pubDate>Mon, 01 Jun 1998 10:00:00 +0000</pubDate>
 <wp:status>publish</wp:status><wp:post_type>post</wp:post_type></item>
</channel></rss>"""
BLOGGER = """<?xml version='1.0' encoding='utf-8'?>
<feed xmlns='http://www.w3.org/2005/Atom' xmlns:app='http://purl.org/atom/app#'><id>tag:blogger.com,1999:blog-1.archive</id>
<entry><id>tag:1</id><category scheme='http://schemas.google.com/g/2005#kind' term='http://schemas.google.com/blogger/2008/kind#post'/>
 <published>2026-06-01T10:00:00.000-07:00</published><link rel='replies' href='https://b.example/r'/><link rel='alternate' href='https://b.example/1'/></entry>
<entry><id>tag:2</id><category scheme='http://schemas.google.com/g/2005#kind' term='http://schemas.google.com/blogger/2008/kind#comment'/>
 <published>2026-06-01T10:00:00Z</published></entry>
<entry><id>tag:3</id><category scheme='http://schemas.google.com/g/2005#kind' term='http://schemas.google.com/blogger/2008/kind#post'/>
 <app:control><app:draft>yes</app:draft></app:control><published>2026-06-01T10:00:00Z</published></entry></feed>"""
