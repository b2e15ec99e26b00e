"""The shape of what X sends and exports, as far as we read it.

Events: https://docs.x.com/x-api/activity/event-payloads. The archive has no reference of its own but the README.txt in it; numbers
are strings there, and older ones have no `tweet` around a tweet.
"""

from typing import Annotated, Literal

from msgspec import Meta, Raw, Struct, field

Id = Annotated[str, Meta(pattern=r"^[0-9]{1,20}\Z")]


class Reference(Struct, frozen=True, gc=False):
    """What a post stands to another as."""

    type: str
    id: Id


class Mention(Struct, frozen=True, gc=False):
    """An archive names an account that is gone as `-1`."""

    id: str | int | None = None
    id_str: str | None = None
    start: int = 0
    indices: tuple[int | str, ...] = ()


class MediaFile(Struct, frozen=True, gc=False):
    type: str = ""


class Entities(Struct, frozen=True, gc=False):
    mentions: tuple[Mention, ...] | None = None
    user_mentions: tuple[Mention, ...] | None = None
    media: tuple[MediaFile, ...] | None = None


class Attachments(Struct, frozen=True, gc=False):
    media_keys: tuple[str, ...] | None = None


class LongPost(Struct, frozen=True, gc=False):
    """The whole text of a post that is longer than `text` shows."""

    text: str | None = None


class Post(Struct, frozen=True, gc=False):
    """A Post object of the API."""

    id: Id
    author_id: Id
    text: str | None = None
    note_tweet: LongPost | None = None
    in_reply_to_user_id: Id | None = None
    referenced_tweets: tuple[Reference, ...] | None = None
    entities: Entities | None = None
    attachments: Attachments | None = None
    display_text_range: tuple[int, ...] | None = None
    edit_history_tweet_ids: tuple[Id, ...] | None = None
    created_at: str | None = None


class Metrics(Struct, frozen=True, gc=False):
    followers_count: int | None = None


class User(Struct, frozen=True, gc=False):
    """A User object of the API; some events have it inside `data`."""

    id: Id | None = None
    description: str | None = None
    location: str | None = None
    url: str | None = None
    profile_image_url: str | None = None
    profile_banner_url: str | None = None
    public_metrics: Metrics | None = None
    data: "User | None" = None


class Included(Struct, frozen=True, gc=False):
    id: Id | None = None
    author_id: Id | None = None


class Includes(Struct, frozen=True, gc=False):
    users: tuple[User, ...] | None = None
    tweets: tuple[Included, ...] | None = None


class Filter(Struct, frozen=True, gc=False):
    user_id: Id | None = None
    direction: Literal["inbound", "outbound"] | None = None


class Activity(Struct, frozen=True, gc=False):
    event_type: str
    event_uuid: str = ""
    filter: Filter | None = None
    payload: Raw = field(default_factory=lambda: Raw(b"{}"))
    includes: Includes | None = None


class Envelope(Struct, frozen=True, gc=False):
    """A line of the stream, or a webhook's body."""

    data: Activity | None = None
    errors: tuple[Raw, ...] | None = None


class Deleted(Struct, frozen=True, gc=False):
    id: Id
    author_id: Id


class Like(Struct, frozen=True, gc=False):
    liked_tweet_id: Id
    liked_tweet_author_id: Id | None = None
    timestamp_ms: str | int | None = None


class Follow(Struct, frozen=True, gc=False):
    source: User
    target: User


class Show(Struct, frozen=True, gc=False):
    """A Space or a broadcast."""

    broadcast_id: str
    user: User | None = None


class Recipient(Struct, frozen=True, gc=False):
    recipient_id: Id | None = None


class Between(Struct, frozen=True, gc=False):
    """Who wrote to whom; a group's message has no recipient."""

    sender_id: Id
    target: Recipient | None = None


class Direct(Struct, frozen=True, gc=False):
    """A legacy direct message."""

    id: Id
    message_create: Between | None = None


class Directs(Struct, frozen=True, gc=False):
    direct_message_events: tuple[Direct, ...]


class Chat(Struct, frozen=True, gc=False):
    """An encrypted message; what it says is nowhere in it for us."""

    id: str
    sender_id: Id
    conversation_id: str
    created_at_msec: str | int


class Edits(Struct, frozen=True, gc=False):
    edit_tweet_ids: tuple[Id, ...] = field(name="editTweetIds", default=())


class Edited(Struct, frozen=True, gc=False):
    first: Id | None = field(name="initialTweetId", default=None)


class EditInfo(Struct, frozen=True, gc=False):
    initial: Edits | None = None
    edit: Edited | None = None


class Retweeted(Struct, frozen=True, gc=False):
    user: Mention | None = None


class Tweet(Struct, frozen=True, gc=False):
    """A tweet of an archive, of 2018 and later or (with `retweeted_status`) before."""

    id_str: Id | None = None
    id: Id | int | None = None
    created_at: str = ""
    full_text: str = ""
    text: str = ""
    in_reply_to_user_id_str: str | None = None
    in_reply_to_user_id: str | int | None = None
    entities: Entities | None = None
    extended_entities: Entities | None = None
    display_text_range: tuple[int | str, ...] | None = None
    edit_info: EditInfo | None = None
    retweeted_status: Retweeted | None = None
    deleted_at: str | None = None


class Liked(Struct, frozen=True, gc=False):
    tweet_id: Id = field(name="tweetId")


class Account(Struct, frozen=True, gc=False):
    account_id: Id = field(name="accountId")


class About(Struct, frozen=True, gc=False):
    bio: str | None = None
    website: str | None = None
    location: str | None = None


class Profile(Struct, frozen=True, gc=False):
    description: About | None = None
    avatar: str | None = field(name="avatarMediaUrl", default=None)
    header: str | None = field(name="headerMediaUrl", default=None)


class Message(Struct, frozen=True, gc=False):
    """A direct message of an archive."""

    id: Id
    sender: Id = field(name="senderId")
    recipient: str = field(name="recipientId", default="")
    created_at: str = field(name="createdAt", default="")


class Element(Struct, frozen=True, gc=False):
    """An element of one of an archive's arrays: one of these is in it, or it is a tweet itself."""

    tweet: Raw = Raw()
    like: Liked | None = None
    follower: Account | None = None
    following: Account | None = None
    profile: Profile | None = None
    message: Message | None = field(name="messageCreate", default=None)
