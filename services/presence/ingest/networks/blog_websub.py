"""WebSub: a hub pushes a feed as soon as it changes.

Source: https://www.w3.org/TR/websub/. Nothing is remembered of a subscription: its callback address holds feed and topic with a MAC, and its secret is made of them, so
that only what we have asked for is confirmed, and only its hub can push.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from presence.events.errors import InvalidEvent
from presence.ingest.networks import blog
from presence.ingest.networks.blog_feed import Entry, Feed
from presence.ingest.webhooks.hook import Hook, Letter, Posted, Refused, Reply
from presence.ingest.webhooks.signatures import same, secrets_of

SECRET = "PRESENCE_WEBSUB_SECRET"  # noqa: S105 (the name of a variable)
CALLBACK = "PRESENCE_WEBSUB_CALLBACK"
PATH = "/websub/{topic}/{mac}"
LEASE_S = 7 * 86_400
METHODS = frozenset({"sha1", "sha256", "sha384", "sha512"})
"""https://www.w3.org/TR/websub/#recognized-algorithms-for-the-x-hub-signature-header"""
CHALLENGE_CHARS_MAX = 4_096


class Topic(NamedTuple):
    """What is subscribed to: a feed as it is enrolled, and the address that its hub knows it by."""

    feed: str
    url: str


def request(secret: bytes, callback: str, topic: Topic) -> Mapping[str, str]:
    """The form that asks a hub for a subscription. `callback`: where the receiver is reached from outside."""
    path = base64.urlsafe_b64encode(f"{topic.feed}\n{topic.url}".encode()).decode().rstrip("=")
    return {
        "hub.mode": "subscribe",
        "hub.topic": topic.url,
        "hub.callback": f"{callback.rstrip('/')}/websub/{path}/{_mac(secret, topic)}",
        "hub.secret": _hub_secret(secret, topic),
        "hub.lease_seconds": str(LEASE_S),
    }


def hook(values: Mapping[str, str]) -> Hook:
    """The hook of all subscriptions. Raises CallerError if there is no secret."""
    secrets = secrets_of(values[SECRET])

    def verify(posted: Posted, _at_ms: int) -> None:
        secret, topic = _known(secrets, posted)
        method, _, given = posted.headers.get("x-hub-signature", "").partition("=")
        if method not in METHODS:
            raise Refused(401, "the signature is missing")
        mac = hmac.new(_hub_secret(secret, topic).encode(), posted.body, getattr(hashlib, method))
        if not same(mac.hexdigest(), given):
            raise Refused(401, "the signature is wrong")

    def challenge(posted: Posted) -> Reply:
        _, topic = _known(secrets, posted)
        mode = posted.query.get("hub.mode", "")
        if mode == "denied":
            return Reply(b"")
        wanted = posted.query.get("hub.challenge", "")
        if mode != "subscribe" or posted.query.get("hub.topic") != topic.url or not wanted:
            raise Refused(404, "nobody has asked for this")
        return Reply(wanted[:CHALLENGE_CHARS_MAX].encode())

    def letters(posted: Posted) -> Sequence[Letter]:
        _, topic = _known(secrets, posted)
        return tuple(frames(topic.feed, posted.body))

    return Hook(
        network=blog.NETWORK,
        path=PATH,
        decode=blog.decode,
        verify=verify,
        letters=letters,
        challenge=challenge,
    )


def frames(feed: str, body: bytes, charset: str = "", into: Feed | None = None) -> Iterator[Letter]:
    """The entries of `feed` as frames; what of it cannot be read is one that says so."""
    try:
        for entry in (into or Feed()).entries(body, charset):
            if isinstance(entry, Entry):
                told = msgspec.structs.replace(entry, feed=feed)
                yield Letter(msgspec.json.encode(told), blog.ENTRY)
            else:
                yield Letter(entry, blog.BROKEN)
    except InvalidEvent:
        yield Letter(body, blog.BROKEN)


def _known(secrets: Sequence[bytes], posted: Posted) -> tuple[bytes, Topic]:
    """The topic of a callback's address, and the secret it was made with. Raises Refused with 404 for one that we did not make."""
    path = posted.params.get("topic", "")
    try:
        feed, _, url = base64.urlsafe_b64decode(path + "=" * (-len(path) % 4)).decode().partition("\n")
    except (binascii.Error, ValueError):
        raise Refused(404, "no such subscription") from None
    topic = Topic(feed, url)
    for secret in secrets:
        if same(_mac(secret, topic), posted.params.get("mac", "")):
            return secret, topic
    raise Refused(404, "no such subscription")


def _mac(secret: bytes, topic: Topic) -> str:
    return hmac.digest(secret, f"callback\n{topic.feed}\n{topic.url}".encode(), "sha256").hex()


def _hub_secret(secret: bytes, topic: Topic) -> str:
    return hmac.digest(secret, f"hub\n{topic.feed}\n{topic.url}".encode(), "sha256").hex()
