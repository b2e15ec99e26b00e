"""Networks that are listened to: Mastodon's server-sent events, X's stream of lines."""

import json
from collections.abc import Mapping
from contextlib import ExitStack
from threading import Event

from presence.demo.networks.venue import PAUSE_S, Member, awaited, every
from presence.demo.wire import mastodon as wire
from presence.demo.wire.x import ActivityStream
from presence.events.vocabulary import Network, PersonId
from presence.ingest.networks import mastodon_poller, x, x_stream

POSTS, FANS = 10, 12


class Mastodon:
    """Somebody who posts, and is answered, liked, passed on and followed."""

    def __init__(self, end_ms: int) -> None:
        self._server = wire.Mastodon()
        self._times = [(at_ms - wire.NEW_MS) // 1000 for at_ms in every(20, POSTS, end_ms)]
        native = f"ada@{wire.HOST}"
        with_followers = 2 * POSTS  # Each post shows how many follow.
        acts = with_followers + len(_NOTIFIED) * FANS
        way = "SSE and REST"
        self.members = (Member(Network("mastodon"), "Mastodon", way, "Gus, on Mastodon", native, acts),)
        self.environment = {mastodon_poller.TOKENS: json.dumps({native: self._server.token})}

    def serve(self, stack: ExitStack) -> None:
        stack.enter_context(self._server)
        stack.callback(self._server.send, None)

    def command(self, _people: Mapping[Network, PersonId]) -> list[str]:
        return ["ingest", "poll", "mastodon", "--url", self._server.url]

    def play(self) -> None:
        awaited(lambda: self._server.streams, "presence ingest poll mastodon does not listen")
        posts = [self._server.post(wire.status("ada", number)) for number in self._times]
        for fan in range(FANS):
            self._server.closing.wait(PAUSE_S)
            for number, type_ in enumerate(_NOTIFIED):
                about = posts[fan % POSTS] if type_ != "follow" else None
                at = self._times[-1] - FANS * len(_NOTIFIED) + fan * len(_NOTIFIED) + number
                self._server.notify(wire.notification(at, type_, f"fan{fan}", about))


_NOTIFIED = ("favourite", "reblog", "follow")


class X:
    """Somebody whose app has subscribed to what they do and what is done to them."""

    environment: Mapping[str, str] = {x_stream.TOKEN: "b3arer", x_stream.BACKFILL: "yes"}
    _NATIVE = "1111"

    def __init__(self, end_ms: int) -> None:
        posts = [
            {"id": str((at_ms - x.SNOWFLAKE_EPOCH_MS) << 22), "author_id": self._NATIVE}
            for at_ms in every(20, POSTS, end_ms)
        ]
        told = [self._told("post.create", post) for post in posts]
        for fan in range(FANS):
            follow = {"source": {"data": {"id": str(5000 + fan)}}, "target": {"data": {"id": self._NATIVE}}}
            told.append(self._told("follow.follow", follow))
        for number, post in enumerate(posts):
            reply = {
                "id": str(int(post["id"]) + 1),
                "author_id": str(5000 + number),
                "in_reply_to_user_id": self._NATIVE,
            }
            told.append(self._told("post.reply.create", reply))
        self._api = ActivityStream([*told, Event()])
        way = "HTTP stream of lines"
        self.members = (Member(Network("x"), "X", way, "Hana, on X", self._NATIVE, len(told)),)

    def serve(self, stack: ExitStack) -> None:
        stack.enter_context(self._api)

    def command(self, _people: Mapping[Network, PersonId]) -> list[str]:
        return ["ingest", "stream", "x", "--url", self._api.url]

    def play(self) -> None:
        """It comes once the service listens."""

    def _told(self, event: str, payload: Mapping[str, object]) -> bytes:
        told = {"event_type": event, "filter": {"user_id": self._NATIVE}, "payload": payload}
        return json.dumps({"data": told}).encode() + b"\r\n"
