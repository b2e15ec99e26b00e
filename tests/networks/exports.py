"""Exports of X, Facebook and GitHub in their real layouts, with the oddities that real ones have. Invented people."""

import gzip
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def written(folder: Path, files: Mapping[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def mojibake(text: str) -> str:
    """As Facebook exports text."""
    return text.encode().decode("latin-1")


def ytd(name: str, elements: list[Any], part: int = 0) -> bytes:
    return f"window.YTD.{name}.part{part} = {json.dumps(elements, indent=2, ensure_ascii=False)}".encode()


ME, BOB, EVE = "1111", "2222", "3333"
FIRST = 1_990_000_000_000_000_000
"""A post of November 2025."""


def tweet(number: int, **fields: Any) -> dict[str, Any]:
    """As of today: numbers are strings."""
    plain = {
        "edit_info": {
            "initial": {"editTweetIds": [str(FIRST + number)], "editsRemaining": "5", "isEditEligible": False}
        },
        "retweeted": False,
        "source": '<a href="https://mobile.twitter.com" rel="nofollow">Twitter Web App</a>',
        "entities": {"hashtags": [], "symbols": [], "user_mentions": [], "urls": []},
        "display_text_range": ["0", "25"],
        "favorite_count": "3",
        "id_str": str(FIRST + number),
        "truncated": False,
        "retweet_count": "0",
        "id": str(FIRST + number),
        "created_at": "Sun Nov 16 12:00:00 +0000 2025",
        "favorited": False,
        "full_text": 'quotes " and }] and 日本 😀 = [1]; // */',
        "lang": "en",
    }
    return {"tweet": plain | fields}


def mention(who: str, start: int) -> dict[str, Any]:
    return {
        "name": "x",
        "screen_name": "x",
        "indices": [str(start), str(start + 4)],
        "id_str": who,
        "id": who,
    }


def x_files() -> dict[str, bytes]:
    """14 posts, deletions, likes and follows that say something, one broken, and files that nobody needs."""
    picture = {"media": [{"type": "photo", "id_str": "5", "media_url": "http://pbs.twimg.com/media/a.jpg"}]}
    edited = {
        "edit": {"initialTweetId": str(FIRST + 7), "editControlInitial": {"editTweetIds": [str(FIRST + 7)]}}
    }
    posts = [
        tweet(1),
        tweet(2, full_text="RT @bob: hello", entities={"user_mentions": [mention(BOB, 3)]}),
        tweet(
            3,
            in_reply_to_status_id_str="1",
            in_reply_to_user_id_str=BOB,
            in_reply_to_screen_name="bob",
            display_text_range=["5", "20"],
            entities={"user_mentions": [mention(BOB, 0), mention(EVE, 9), mention("-1", 14)]},
        ),
        tweet(4, in_reply_to_user_id_str=ME),
        tweet(5, extended_entities=picture),
        {"tweet": {"id_str": "not a number"}},
        tweet(0, id_str="20", id="20", edit_info=None, created_at="Tue Mar 21 20:50:14 +0000 2006"),
    ]
    manifest = {
        "userInfo": {"accountId": ME, "userName": "me", "displayName": "Me"},
        "archiveInfo": {
            "sizeBytes": "1",
            "generationDate": "2026-11-01T00:00:00.000Z",
            "isPartialArchive": False,
        },
        "dataTypes": {
            "tweets": {
                "mediaDirectory": "data/tweets_media",
                "files": [
                    {
                        "fileName": "data/tweets.js",
                        "globalName": "YTD.tweets.part0",
                        "count": str(len(posts)),
                    },
                    {"fileName": "data/tweets-part1.js", "globalName": "YTD.tweets.part1", "count": "1"},
                ],
            },
            "like": {"files": [{"fileName": "data/like.js", "globalName": "YTD.like.part0", "count": "2"}]},
            "adImpressions": {"files": [{"fileName": "data/ad-impressions.js", "count": "9"}]},
        },
    }
    return {
        "Your archive.html": b"<html>",
        "data/manifest.js": b"window.__THAR_CONFIG = " + json.dumps(manifest, indent=2).encode(),
        "data/account.js": ytd("account", [{"account": {"email": "me@example.com", "accountId": ME}}]),
        "data/tweets.js": ytd("tweets", posts),
        "data/tweets-part1.js": ytd("tweets", [tweet(8, edit_info=edited)], 1),
        "data/deleted-tweets.js": ytd(
            "deleted_tweets", [tweet(1, deleted_at="Mon Nov 17 12:00:00 +0000 2025")]
        ),
        "data/like.js": ytd(
            "like",
            [
                {
                    "like": {
                        "tweetId": str(FIRST + 90),
                        "fullText": "ok",
                        "expandedUrl": "https://twitter.com/i/web/status/1",
                    }
                },
                {"like": {"tweetId": "20"}},
            ],
        ),
        "data/follower.js": ytd(
            "follower", [{"follower": {"accountId": BOB, "userLink": "https://twitter.com/x"}}]
        ),
        "data/following.js": ytd(
            "following", [{"following": {"accountId": EVE, "userLink": "https://twitter.com/x"}}]
        ),
        "data/profile.js": ytd(
            "profile",
            [
                {
                    "profile": {
                        "description": {"bio": "b", "website": "", "location": "Ulm"},
                        "avatarMediaUrl": "https://a",
                    }
                }
            ],
        ),
        "data/note-tweet.js": ytd(
            "note_tweet", [{"noteTweet": {"noteTweetId": "1", "core": {"text": "long"}}}]
        ),
        "data/direct-messages.js": ytd("direct_messages", [{"dmConversation": {"messages": []}}]),
        "data/tweets_media/1-a.jpg": b"\xff\xd8",
    }


def old_x_files() -> dict[str, bytes]:
    """Of 2019, without `tweet` around it; and of 2015, a file a month."""
    bare = tweet(1)["tweet"]
    monthly = {
        "id": FIRST + 11,
        "id_str": str(FIRST + 11),
        "created_at": "2015-01-05 12:00:00 +0000",
        "text": "RT @bob: hi",
        "user": {"id_str": ME, "screen_name": "me"},
        "retweeted_status": {"id_str": "5", "user": {"id_str": BOB}},
        "entities": {"user_mentions": [{"id_str": BOB, "indices": [3, 7]}]},
    }
    return {
        "tweet.js": ytd("tweet", [bare]),
        "data/js/user_details.js": b'var user_details =  {\n  "screen_name" : "me",\n  "id" : "1111"\n}',
        "data/js/tweets/2015_01.js": b"Grailbird.data.tweets_2015_01 = \n " + json.dumps([monthly]).encode(),
    }


def facebook_lists(*, is_new: bool, broken: bool = True) -> dict[str, bytes]:
    """The same life in the layout of 2024 or of 2019."""
    text = mojibake if broken else str
    posts = [
        {
            "timestamp": 1_578_144_003,
            "data": [{"post": text("Søndag på åben hus 😀")}],
            "title": text("Åse updated her status."),
        },
        {
            "timestamp": 1_578_144_003,
            "attachments": [
                {"data": [{"media": {"uri": "posts/media/a.jpg", "creation_timestamp": 1_578_144_003}}]}
            ],
            "data": [{"post": "a picture"}, {"update_timestamp": 1_578_144_009}],
        },
        {
            "timestamp": 1_319_393_272,
            "attachments": [{"data": [{"media": {"uri": "posts/media/v.mp4"}}]}],
            "data": [],
        },
        {"timestamp": 1_555_664_152, "attachments": [], "data": [{"update_timestamp": 1_555_664_152}]},
        {"data": [{"post": "when?"}]},
    ]
    comments = [
        {
            "timestamp": 1_457_387_286,
            "data": [{"comment": {"timestamp": 1_457_387_286, "comment": text("Nå"), "author": text("Åse")}}],
            "title": text("Åse replied to Tobias Løye's comment."),
        },
        {
            "timestamp": 1_457_387_290,
            "data": [{"comment": {"comment": "mine"}}],
            "title": text("Åse commented on her own post."),
        },
    ]
    reactions = [
        {
            "timestamp": 1_600_000_000,
            "data": [{"reaction": {"reaction": "LOVE", "actor": text("Åse")}}],
            "title": "A likes B.",
        },
        {
            "timestamp": 1_600_000_001,
            "data": [{"reaction": {"reaction": "ANGER", "actor": text("Åse")}}],
            "title": "A x B.",
        },
    ]
    labels = [
        {"label": "Reaction", "value": "Love"},
        {"label": "Name", "value": text("Bäckerei")},
        {"label": "N", "value": 5},
    ]
    reactions.append({"timestamp": 1_700_000_000, "media": [], "label_values": labels, "fbid": "1"})
    friends = [{"name": text("Tobias Løye"), "timestamp": 1_400_000_000}]
    requests = [{"name": text("Zoë"), "timestamp": 1_500_000_000}]
    pages = [{"name": "Bakery", "timestamp": 1_450_000_000}]
    if is_new:
        top = "your_facebook_activity"
        found: dict[str, Any] = {
            f"{top}/posts/your_posts__check_ins__photos_and_videos_1.json": posts,
            f"{top}/comments_and_reactions/comments.json": {"comments_v2": comments},
            f"{top}/comments_and_reactions/likes_and_reactions_1.json": reactions,
            "connections/friends/your_friends.json": {"friends_v2": friends},
            "connections/friends/received_friend_requests.json": {"received_requests_v2": requests},
            f"{top}/pages/pages_you've_liked.json": {"page_likes_v2": pages},
            "personal_information/profile_information/profile_information.json": {"profile_v2": {"name": {}}},
            f"{top}/messages/inbox/tobias/message_1.json": {"messages": [{"content": "private"}]},
        }
    else:
        found = {
            "posts/your_posts_1.json": posts,
            "comments/comments.json": {"comments": comments},
            "likes_and_reactions/posts_and_comments.json": {"reactions": reactions},
            "friends/friends.json": {"friends": friends},
            "friends/received_friend_requests.json": {"received_requests": requests},
            "likes_and_reactions/pages.json": {"page_likes": pages},
            "profile_information/profile_information.json": {"profile": {"name": {}}},
            "messages/inbox/tobias/message_1.json": {"messages": [{"content": "private"}]},
        }
    return {name: json.dumps(value).encode() for name, value in found.items()}


def github_hours() -> dict[str, bytes]:
    """An hour of today, one of 2012 with two events in a line, and one that lacks its last bytes."""
    repo = {"id": 1, "name": "octocat/hello", "url": "https://api.github.com/repos/octocat/hello"}
    ada, octocat = {"id": 5, "login": "Ada"}, {"id": 9, "login": "octocat"}
    issue = {
        "id": 70,
        "number": 1,
        "user": octocat,
        "created_at": "2026-11-24T09:00:00Z",
        "html_url": "https://github.com/o/h/1",
    }

    def listed(kind: str, by: dict[str, Any], payload: dict[str, Any]) -> dict[str, Any]:
        return {
            "id": "1",
            "type": kind,
            "actor": by,
            "repo": repo,
            "payload": payload,
            "created_at": "2026-11-24T10:00:00Z",
        }

    comment = {"id": 71, "user": ada, "created_at": "2026-11-24T09:30:00Z"}
    today = [
        listed("WatchEvent", ada, {"action": "started"}),
        listed("ForkEvent", ada, {"forkee": {"id": 2, "created_at": "2026-11-24T09:59:00Z"}}),
        listed("IssuesEvent", octocat, {"action": "opened", "issue": issue}),
        listed("IssueCommentEvent", ada, {"action": "created", "issue": issue, "comment": comment}),
        listed(
            "PushEvent", octocat, {"push_id": 3, "ref": "refs/heads/main", "head": "abc", "before": "def"}
        ),
        listed("PushEvent", {"id": 8, "login": "build[bot]"}, {"ref": "refs/heads/main", "head": "abc"}),
        listed("PullRequestEvent", octocat, {"action": "closed", "pull_request": {"id": 80, "number": 2}}),
        listed("MemberEvent", octocat, {}),
        {
            "type": "WatchEvent",
            "actor": "gone",
            "created_at": "2012-03-11T06:43:00Z",
            "payload": {"action": "started"},
        },
        {
            "type": "WatchEvent",
            "actor": None,
            "created_at": "2012-03-11T06:43:00Z",
            "payload": {"action": "started"},
        },
        listed("ReleaseEvent", octocat, {"action": "published", "release": {"id": 81, "author": octocat}}),
    ]
    old_repo = {"id": 1, "owner": "octocat", "name": "hello", "url": "https://github.com/octocat/hello"}
    old = {"actor": "ada", "actor_attributes": {"login": "ada"}, "repository": old_repo, "public": True}
    of_2012 = [
        old
        | {"type": "WatchEvent", "created_at": "2012-03-10T22:42:15-08:00", "payload": {"action": "started"}},
        {
            "type": "FollowEvent",
            "actor": "ada",
            "created_at": "2011/05/01 16:23:05 -0700",
            "payload": {"target": {"login": "octocat"}},
        },
        old
        | {
            "type": "IssuesEvent",
            "created_at": "2012-03-11T06:43:00Z",
            "payload": {"action": "opened", "issue": 70},
        },
        old | {"type": "ForkEvent", "created_at": "2012-03-11T06:43:00Z", "payload": {"forkee": 2}},
    ]
    cut = gzip.compress(b"".join(json.dumps(each).encode() + b"\n" for each in today))
    return {
        "2026-11-24-10.json.gz": gzip.compress(b"\n".join(json.dumps(each).encode() for each in today)),
        "2012-03-11-6.json.gz": gzip.compress(
            b"".join(json.dumps(each).encode() for each in of_2012) + b"\nno json\n\n"
        ),
        "2026-11-24-11.json.gz": cut[:-4],
    }
