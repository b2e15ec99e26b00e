"""GitHub, as Presence knows it."""

from collections.abc import Mapping, Sequence
from urllib.parse import parse_qs

from presence.ingest.exports.importer import Importer
from presence.ingest.network import KnownNetwork, Need, Polling, Webhook
from presence.ingest.networks import github, github_archive, github_poller
from presence.ingest.webhooks.hook import Hook, Letter, Posted
from presence.ingest.webhooks.signatures import secrets_of, verify_hex

SECRET = Need(
    variable="PRESENCE_GITHUB_WEBHOOK_SECRET",
    what="the secret of the webhook",
    where="https://docs.github.com/webhooks/using-webhooks/creating-webhooks",
)
TOKEN = Need(
    variable=github_poller.TOKEN,
    what="a token, which may read public repositories; without one GitHub answers 60 times an hour",
    where="https://docs.github.com/authentication/keeping-your-account-and-data-secure/managing-your-personal-access-tokens",
)
FORM = "application/x-www-form-urlencoded"


def _hook(values: Mapping[str, str]) -> Hook:
    secrets = secrets_of(values[SECRET.variable])

    def verify(posted: Posted, _at_ms: int) -> None:
        verify_hex(secrets, posted.body, posted.headers.get("x-hub-signature-256", ""))

    return Hook(network=github.NETWORK, path="/github", decode=github.decode, verify=verify, letters=_letters)


def _letters(posted: Posted) -> Sequence[Letter]:
    """The payload, under the name of its event, which stands in the headers only."""
    body = posted.body
    if posted.headers.get("content-type", "").startswith(FORM):
        fields = parse_qs(body, max_num_fields=4)
        body = b"".join(fields.get(b"payload", ()))
    return (Letter(body, posted.headers.get("x-github-event", "")),)


NETWORK = KnownNetwork(
    name=github.NETWORK,
    title="GitHub",
    account="a login such as octocat, in lower case",
    importer=Importer(
        takes="an hour of GH Archive (.json.gz), or a folder of them",
        items=github_archive.items,
        decode=github_archive.decode,
    ),
    polling=Polling(needs=(TOKEN,), poller=github_poller.Events, decode=github.decode),
    webhook=Webhook(needs=(SECRET,), hook=_hook),
)
