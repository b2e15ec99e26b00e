"""The shape of what Facebook sends for a page and exports for a person, as far as we read it.

Webhooks: https://developers.facebook.com/docs/graph-api/webhooks/reference/page. The export has no reference; its lists have had
three layouts since 2018, with the same entries in them.
"""

from msgspec import Raw, Struct, field


class Sender(Struct, frozen=True, gc=False):
    id: str | int


class Value(Struct, frozen=True, gc=False):
    """Of a change in `feed`, `mention` or `ratings`."""

    item: str = ""
    verb: str = ""
    sender: Sender | None = field(name="from", default=None)
    sender_id: str | int | None = None
    user_id: str | int | None = None
    reviewer_id: str | int | None = None
    post_id: str | None = None
    comment_id: str | None = None
    parent_id: str | None = None
    open_graph_story_id: str | None = None
    created_time: int | None = None
    reaction_type: str | None = None
    recommendation_type: str | None = None
    rating: int | None = None
    published: int | None = None
    message: str | None = None


class Change(Struct, frozen=True, gc=False):
    field: str
    value: Raw = Raw(b"{}")


class Entry(Struct, frozen=True, gc=False):
    """`standby` is what `messaging` is, for an app that does not answer the conversation itself."""

    id: str | int
    time: int = 0
    changes: tuple[Raw, ...] = ()
    messaging: tuple[Raw, ...] = ()
    standby: tuple[Raw, ...] = ()


class Text(Struct, frozen=True, gc=False):
    """A message; what it says is not read."""

    mid: str
    is_echo: bool = False


class Messaging(Struct, frozen=True, gc=False):
    """What happens in a page's Messenger: a message, or that one was read, delivered, reacted to."""

    sender: Sender | None = None
    timestamp: int = 0
    message: Text | None = None


class OneMessaging(Struct, frozen=True, gc=False):
    """Messaging in the form of a change, as the dashboard's test sends it."""

    value: Raw
    field: str = "messages"


class Delivery(Struct, frozen=True, gc=False):
    """A webhook's body: what happened to several pages."""

    object: str
    entry: tuple[Entry, ...]


class OneChange(Struct, frozen=True, gc=False):
    """One change with the page that it is of, as the receiver hands it on."""

    page: str
    time: int
    change: Raw


class Written(Struct, frozen=True, gc=False):
    """A message of an exported conversation; what it says is not read."""

    timestamp_ms: int
    sender_name: str = ""
    type: str = ""
    call_duration: int | None = None
    is_unsent: bool = False


class OneMessage(Struct, frozen=True, gc=False):
    """One message with what tells its direction, which stands elsewhere in the export."""

    own_name: str
    participants: int
    message: Raw


class Comment(Struct, frozen=True, gc=False):
    comment: str | None = None


class Reaction(Struct, frozen=True, gc=False):
    reaction: str | None = None


class Datum(Struct, frozen=True, gc=False):
    post: str | None = None
    comment: Comment | None = None
    reaction: Reaction | None = None
    name: str | None = None


class Media(Struct, frozen=True, gc=False):
    uri: str | None = None


class Attached(Struct, frozen=True, gc=False):
    media: Media | None = None
    note: Raw = Raw()
    event: Raw = Raw()
    external_context: Raw = Raw()


class Attachment(Struct, frozen=True, gc=False):
    data: tuple[Attached, ...] | None = None


class Label(Struct, frozen=True, gc=False):
    """What newer exports have instead of `data`."""

    label: str | None = None
    value: object = None


class Listed(Struct, frozen=True, gc=False):
    """An entry of one of the export's lists."""

    timestamp: int | None = None
    title: str | None = None
    name: str | None = None
    data: tuple[Datum, ...] | None = None
    attachments: tuple[Attachment, ...] | None = None
    label_values: tuple[Label, ...] | None = None
    create_timestamp: int | None = None
    start_timestamp: int | None = None
