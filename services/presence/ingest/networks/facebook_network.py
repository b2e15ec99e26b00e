"""Facebook, as Presence knows it."""

from collections.abc import Mapping

from presence.ingest.exports.importer import Importer
from presence.ingest.network import KnownNetwork, Need, Webhook
from presence.ingest.networks import facebook, facebook_export
from presence.ingest.webhooks.hook import Hook, Letter, Posted, Refused, Reply
from presence.ingest.webhooks.signatures import same, secrets_of, verify_hex

SECRET = Need(
    variable="PRESENCE_FACEBOOK_APP_SECRET",
    what="the secret of the app whose webhook it is",
    where="https://developers.facebook.com/docs/development/create-an-app/app-dashboard/basic-settings",
)
TOKEN = Need(
    variable="PRESENCE_FACEBOOK_VERIFY_TOKEN",
    what="a word of your own, which the app's dashboard asks for beside the callback's address",
    where="https://developers.facebook.com/docs/graph-api/webhooks/getting-started",
)
CHALLENGE_CHARS_MAX = 1_000


def _hook(values: Mapping[str, str]) -> Hook:
    secrets, token = secrets_of(values[SECRET.variable]), values[TOKEN.variable]

    def verify(posted: Posted, _at_ms: int) -> None:
        verify_hex(secrets, posted.body, posted.headers.get("x-hub-signature-256", ""))

    def challenge(posted: Posted) -> Reply:
        query = posted.query
        if query.get("hub.mode") != "subscribe" or not same(token, query.get("hub.verify_token", "")):
            raise Refused(403, "this is not the token that was agreed on")
        return Reply(query.get("hub.challenge", "")[:CHALLENGE_CHARS_MAX].encode(errors="replace"))

    def letters(posted: Posted) -> list[Letter]:
        return facebook.letters(posted.body)

    return Hook(
        network=facebook.NETWORK,
        path="/facebook",
        decode=facebook.decode,
        verify=verify,
        letters=letters,
        challenge=challenge,
    )


NETWORK = KnownNetwork(
    name=facebook.NETWORK,
    title="Facebook",
    account="the number of the page; of a person, whose account Facebook tells nobody, any word of your own",
    importer=Importer(
        takes="the export in JSON as a zip, or its folder",
        items=facebook_export.items,
        decode=facebook_export.decode,
    ),
    webhook=Webhook(needs=(SECRET, TOKEN), hook=_hook),
)
