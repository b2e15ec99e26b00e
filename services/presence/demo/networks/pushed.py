"""Networks that push, to the one receiver: Facebook, GitHub, and the door for what nobody has written yet."""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from http.client import HTTPException
from itertools import chain, zip_longest
from typing import Any

from presence.broker.ports import free_port
from presence.demo.networks.venue import PAUSE_S, Member, awaited, every, iso
from presence.demo.wire import pushes
from presence.events.errors import SourceUnavailable
from presence.events.vocabulary import Network, PersonId, PersonKind
from presence.ingest.networks import other_door

PAGE, FORUM = "100", "https://forum.example"
FANS = 20


class Pushed:
    """One receiver for all that push."""

    _TOKEN = "t0ken"  # noqa: S105 (as made up as the rest)

    def __init__(self, end_ms: int) -> None:
        self._port = free_port()
        self._deliveries = {
            "facebook": list(_of_facebook(end_ms)),
            "github": list(_of_github(end_ms)),
            "other": list(_of_a_forum(end_ms, self._TOKEN)),
        }
        self.environment = pushes.ENV | {other_door.TOKEN: self._TOKEN}
        told = {
            "facebook": ("Facebook", "webhook", "Jo's bakery, a Facebook page", PAGE, PersonKind.BUSINESS),
            "github": ("GitHub", "webhook", "Ole, on GitHub", "octocat", PersonKind.PERSON),
            "other": (
                "Any other",
                "ActivityStreams at the door",
                "Pam, in a forum",
                f"{FORUM}/users/pam",
                PersonKind.PERSON,
            ),
        }
        self.members = tuple(
            Member(Network(on), title, way, name, native, len(self._deliveries[on]), kind)
            for on, (title, way, name, native, kind) in told.items()
        )

    def serve(self, stack: ExitStack) -> None:
        """Whoever pushes serves nothing."""

    def command(self, _people: Mapping[Network, PersonId]) -> list[str]:
        return ["ingest", "webhooks", *self._deliveries, "--port", str(self._port)]

    def play(self) -> None:
        awaited(self._is_there, "presence ingest webhooks does not listen")
        in_turn = chain.from_iterable(zip_longest(*self._deliveries.values()))
        for delivery in filter(None, in_turn):
            answer = pushes.post(self._port, delivery)
            if answer.status != 200:
                raise SourceUnavailable(f"the receiver answered with status {answer.status}")
            time.sleep(PAUSE_S / len(self._deliveries))

    def _is_there(self) -> bool:
        try:
            return pushes.ask(self._port, "GET", "/").status > 0
        except (OSError, HTTPException):
            return False


def _of_facebook(end_ms: int) -> Iterator[pushes.Delivery]:
    """Comments, reactions and recommendations on a page."""

    def pushed(field: str, fan: int, at_ms: int, **value: Any) -> pushes.Delivery:
        told = {"from": {"id": str(200 + fan)}, "verb": "add", "created_time": at_ms // 1000, **value}
        return pushes.by_facebook({"field": field, "value": told}, page=PAGE)

    for fan, at_ms in enumerate(every(10, FANS, end_ms)):
        post = f"{PAGE}_{fan}"
        yield pushed("feed", fan, at_ms, item="reaction", reaction_type="love", post_id=post)
        if fan % 2:
            yield pushed("feed", fan, at_ms, item="comment", post_id=post, comment_id=f"{post}_1")
        if fan % 4 == 0:
            yield pushed("ratings", fan, at_ms, item="rating", reviewer_id=str(200 + fan), rating=5)


def _of_github(end_ms: int) -> Iterator[pushes.Delivery]:
    """Stars for somebody's repository."""
    for fan, at_ms in enumerate(every(10, FANS, end_ms)):
        yield pushes.star(f"fan{fan}", at=iso(at_ms))


def _of_a_forum(end_ms: int, token: str) -> Iterator[pushes.Delivery]:
    """Likes of what somebody wrote there, as ActivityStreams 2.0."""
    headers = {"authorization": f"Bearer {token}", "content-type": "application/activity+json"}
    for fan, at_ms in enumerate(every(10, FANS, end_ms)):
        about = {"id": f"{FORUM}/posts/{fan}", "type": "Article", "attributedTo": f"{FORUM}/users/pam"}
        like = {
            "id": f"{FORUM}/acts/{fan}",
            "type": "Like",
            "actor": f"{FORUM}/users/fan{fan}",
            "object": about,
            "published": iso(at_ms),
        }
        yield other_door.PATH, json.dumps(like).encode(), headers
