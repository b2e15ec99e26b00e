"""LinkedIn, as Presence knows it."""

from dataclasses import replace

from presence.ingest.acts import of_bytes
from presence.ingest.exports.importer import Importer
from presence.ingest.network import KnownNetwork, Need, Polling, Webhook
from presence.ingest.networks import linkedin, linkedin_changes, linkedin_export, linkedin_hook
from presence.ingest.networks.linkedin_poller import CLIENT_ID, TOKENS, MemberChanges

_PORTAL = "https://www.linkedin.com/developers/apps"

NETWORK = KnownNetwork(
    name=linkedin.NETWORK,
    title="LinkedIn",
    account="a member's or page's URN such as urn:li:person:... or urn:li:organization:...",
    importer=Importer(
        takes="the export of a member, as a zip or unpacked",
        items=linkedin_export.items,
        decode=linkedin_export.decode,
    ),
    polling=Polling(
        needs=(
            Need(
                variable=TOKENS,
                what='the members\' access tokens as JSON: {"urn:li:person:...": {"access_token": "...", "refresh_token": "..."}}',
                where=f"an app at {_PORTAL} with the product Member Data Portability; each member gives it the scope "
                "r_dma_portability_3rd_party, or r_dma_portability_self_serve for oneself",
            ),
            Need(
                variable=CLIENT_ID,
                what="the app's client id, to refresh tokens",
                where=f"{_PORTAL}, tab Auth",
                optional=True,
            ),
            replace(linkedin_hook.SECRET, optional=True),
        ),
        poller=MemberChanges,
        decode=of_bytes(linkedin_changes.decode),
    ),
    webhook=Webhook(needs=(linkedin_hook.SECRET,), hook=linkedin_hook.hook),
)
