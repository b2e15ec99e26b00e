"""How LinkedIn's webhook is opened: https://learn.microsoft.com/en-us/linkedin/shared/api-guide/webhook-validation."""

from collections.abc import Mapping

import msgspec

from presence.ingest.acts import of_bytes
from presence.ingest.network import Need
from presence.ingest.networks import linkedin, linkedin_page
from presence.ingest.webhooks.hook import Hook, Letter, Posted, Refused, Reply
from presence.ingest.webhooks.signatures import hex_hmac, secrets_of, verify_hex

SECRET = Need(
    variable="PRESENCE_LINKEDIN_CLIENT_SECRET",
    what="the app's client secret, which signs what it pushes and refreshes its tokens",
    where="https://www.linkedin.com/developers/apps, tab Auth",
)
PREFIX = "hmacsha256="
CODE_CHARS_MAX = 1_000


class _Delivery(msgspec.Struct):
    type: str
    notifications: list[msgspec.Raw]


_delivery = msgspec.json.Decoder(_Delivery)


def hook(values: Mapping[str, str]) -> Hook:
    """The hook of a page's notifications."""
    secrets = secrets_of(values[SECRET.variable])

    def verify(posted: Posted, _at_ms: int) -> None:
        # LinkedIn signs the body with this word before it, and its own documents disagree on where else the word stands.
        given = posted.headers.get("x-li-signature", "").removeprefix(PREFIX)
        verify_hex(secrets, PREFIX.encode() + posted.body, given, prefix="")

    def challenge(posted: Posted) -> Reply:
        code = posted.query.get("challengeCode", "")
        if not 0 < len(code) <= CODE_CHARS_MAX:
            raise Refused(400, "a challenge has a challengeCode")
        answer = {
            "challengeCode": code,
            "challengeResponse": hex_hmac(secrets[0], code.encode(errors="replace")),
        }
        return Reply(msgspec.json.encode(answer), "application/json")

    return Hook(
        network=linkedin.NETWORK,
        path="/linkedin",
        decode=of_bytes(linkedin_page.decode),
        verify=verify,
        letters=_letters,
        challenge=challenge,
    )


def _letters(posted: Posted) -> list[Letter]:
    """One frame for each notification; a body that cannot be taken apart as it is, for the decoder to refuse."""
    try:
        delivery = _delivery.decode(posted.body)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return [Letter(posted.body)]
    return [Letter(msgspec.json.encode(_Delivery(delivery.type, [each]))) for each in delivery.notifications]
