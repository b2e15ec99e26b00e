"""The shape of what Mastodon sends, as far as we read it: of its API, and, in an archive, of ActivityPub.

https://docs.joinmastodon.org/entities/, https://docs.joinmastodon.org/spec/activitypub/. Unknown fields are ignored, as the network adds some
with every version; other servers that speak the same API leave some out.
"""

from collections.abc import Sequence
from typing import Annotated, Any

from msgspec import Meta, Struct

Id = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,64}\Z")]
Url = Annotated[str, Meta(pattern=r"^https?://[^\s/]{1,253}/\S{0,1700}\Z")]
Username = Annotated[str, Meta(pattern=r"^[\w.-]{1,128}\Z")]
Time = Annotated[str, Meta(max_length=40)]


class Account(Struct, frozen=True, gc=False):
    """Source: https://docs.joinmastodon.org/entities/Account/; `followers_count` is -1 where the server hides it."""

    id: Id
    username: Username
    url: Url
    followers_count: int = -1


class Mention(Struct, frozen=True, gc=False):
    """Source: https://docs.joinmastodon.org/entities/Status/#Mention."""

    id: Id
    username: Username
    url: Url


class Media(Struct, frozen=True, gc=False):
    """Source: https://docs.joinmastodon.org/entities/MediaAttachment/."""

    type: str = ""


class Quote(Struct, frozen=True):
    """Source: https://docs.joinmastodon.org/entities/Quote/; not for a shallow one, or one that is not accepted."""

    state: str = ""
    quoted_status: "Status | None" = None


class Status(Struct, frozen=True):
    """Source: https://docs.joinmastodon.org/entities/Status/."""

    id: Id
    uri: Url
    created_at: Time
    visibility: str
    account: Account
    url: Url | None = None
    in_reply_to_id: Id | None = None
    in_reply_to_account_id: Id | None = None
    mentions: Sequence[Mention] = ()
    media_attachments: Sequence[Media] = ()
    reblog: "Status | None" = None
    quote: Quote | None = None
    content: str | None = None
    spoiler_text: str | None = None


class Notification(Struct, frozen=True):
    """Source: https://docs.joinmastodon.org/entities/Notification/."""

    id: Id
    type: str
    created_at: Time
    account: Account
    status: Status | None = None


class Tag(Struct, frozen=True):
    """Source: https://www.w3.org/TR/activitystreams-vocabulary/#dfn-tag."""

    type: str | Sequence[str] = ""
    href: str | None = None


class Attachment(Struct, frozen=True, rename="camel"):
    """Source: https://www.w3.org/TR/activitystreams-vocabulary/#dfn-attachment."""

    media_type: str | None = None


class Note(Struct, frozen=True, rename="camel"):
    """Source: https://docs.joinmastodon.org/spec/activitypub/#Note."""

    id: Url
    url: Any = None
    in_reply_to: str | None = None
    tag: Sequence[Tag] | Tag = ()
    attachment: Sequence[Attachment] | Attachment = ()
    quote: str | None = None
    content: str | None = None
    summary: str | None = None


class Activity(Struct, frozen=True):
    """Source: https://docs.joinmastodon.org/spec/activitypub/#payloads; `object` is a Note, or the address of one."""

    type: str
    published: Time
    object: Note | Url
    actor: str = ""
    to: Sequence[str] | str = ()
    cc: Sequence[str] | str = ()
