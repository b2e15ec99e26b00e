"""X, as Presence knows it."""

from collections.abc import Mapping

import msgspec

from presence.ingest.exports.importer import Importer
from presence.ingest.network import KnownNetwork, Need, Streaming, Webhook
from presence.ingest.networks import x, x_archive, x_stream
from presence.ingest.webhooks.hook import Hook, Posted, Refused, Reply
from presence.ingest.webhooks.signatures import base64_hmac, secrets_of, verify_base64

SECRET = Need(
    variable="PRESENCE_X_CONSUMER_SECRET",
    what="the consumer secret (API key secret) of the app whose webhook it is",
    where="https://docs.x.com/x-api/webhooks/quickstart",
)
BEARER = Need(
    variable=x_stream.TOKEN,
    what="the bearer token of the app, for its stream",
    where="https://docs.x.com/fundamentals/authentication/oauth-2-0/application-only",
)
BACKFILL = Need(
    variable=x_stream.BACKFILL,
    what="yes, if the app's level of access lets the stream fill gaps of up to five minutes",
    where="https://docs.x.com/x-api/fundamentals/recovery-and-redundancy-features",
    optional=True,
)
CRC_TOKEN_CHARS_MAX = 1_000


def _hook(values: Mapping[str, str]) -> Hook:
    secrets = secrets_of(values[SECRET.variable])

    def verify(posted: Posted, _at_ms: int) -> None:
        verify_base64(secrets, posted.body, posted.headers.get("x-twitter-webhooks-signature", ""))

    def challenge(posted: Posted) -> Reply:
        token = posted.query.get("crc_token", "")
        if not 0 < len(token) <= CRC_TOKEN_CHARS_MAX:
            raise Refused(400, "a challenge has a crc_token")
        answer = {"response_token": f"sha256={base64_hmac(secrets[0], token.encode(errors='replace'))}"}
        return Reply(msgspec.json.encode(answer), "application/json")

    return Hook(network=x.NETWORK, path="/x", decode=x.decode, verify=verify, challenge=challenge)


NETWORK = KnownNetwork(
    name=x.NETWORK,
    title="X",
    account="the number of the account, as the archive's account.js has it; not the handle",
    importer=Importer(
        takes="the archive as a zip, or its folder",
        items=x_archive.items,
        decode=x_archive.decode,
        owner=x_archive.owner,
        declared=x_archive.declared,
    ),
    streaming=Streaming(needs=(BEARER, BACKFILL), source=x_stream.stream, decode=x.decode),
    webhook=Webhook(needs=(SECRET,), hook=_hook),
)
