"""What LinkedIn pushes of an organisation's page: likes, comments, shares and mentions. Pure: bytes in, acts out.

https://learn.microsoft.com/en-us/linkedin/marketing/community-management/organizations/organization-social-action-notifications.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

import msgspec

from presence.events.errors import InvalidEvent
from presence.ingest.acts import Decoded, Native, Retraction
from presence.ingest.networks import linkedin

SOCIAL_ACTIONS = "ORGANIZATION_SOCIAL_ACTION_NOTIFICATIONS"
NOTIFICATIONS_MAX = 100
"""LinkedIn sends at most 10 at once."""

ACTIONS: Mapping[str, str] = MappingProxyType(
    {
        "LIKE": "page_like",
        "COMMENT": "page_comment",
        "SHARE": "page_share",
        "SHARE_MENTION": "page_mention",
    }
)
"""What an action is in linkedin.TABLE. ADMIN_COMMENT is the organisation's own, COMMENT_EDIT changes nothing that counts."""


class Notification(msgspec.Struct, frozen=True, rename="camel"):
    """`generated_activity` is the comment, share or reaction; of a comment that was deleted, the comment."""

    organizational_entity: str
    action: str
    last_modified_at: int
    notification_id: int | str = ""
    generated_activity: str = ""
    source_post: str | None = None


class Delivery(msgspec.Struct, frozen=True):
    type: str
    notifications: list[Notification] = msgspec.field(default_factory=list)


_delivery = msgspec.json.Decoder(Delivery)


def decode(data: bytes, observed_ms: int) -> Decoded:
    """What one delivery says. Raises InvalidEvent: `json`, `shape`, `time`, `notifications` (too many)."""
    try:
        delivery = _delivery.decode(data)
    except msgspec.ValidationError as error:
        raise InvalidEvent("shape") from error
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise InvalidEvent("json") from error
    if delivery.type != SOCIAL_ACTIONS:
        return Decoded(skipped="unscored")
    if len(delivery.notifications) > NOTIFICATIONS_MAX:
        raise InvalidEvent("notifications")
    natives = tuple(native for each in delivery.notifications for native in _said(each, observed_ms))
    return Decoded(natives) if natives else Decoded(skipped="unscored")


def _said(told: Notification, observed_ms: int) -> Iterator[Native]:
    record = told.generated_activity or f"notification/{told.notification_id}"
    if told.action == "COMMENT_DELETE":
        yield Retraction(told.organizational_entity, record, "")
    elif told.action in ACTIONS:
        # Who it was is told only to apps with a further permission; the activity stands for its author.
        yield linkedin.act(
            ACTIONS[told.action],
            told.organizational_entity,
            record,
            told.last_modified_at,
            observed_ms,
            by=record,
        )
