"""Mastodon, as Presence knows it."""

from presence.ingest.exports.importer import Importer
from presence.ingest.network import KnownNetwork, Need, Polling
from presence.ingest.networks import mastodon, mastodon_archive
from presence.ingest.networks.mastodon_poller import TOKENS, Streams

NETWORK = KnownNetwork(
    name=mastodon.NETWORK,
    title="Mastodon",
    account="name@host in lower case, with the host of the profile's address",
    importer=Importer(
        takes="the archive, as a zip, a tar.gz or unpacked, or its outbox.json",
        items=mastodon_archive.items,
        decode=mastodon_archive.decode,
        owner=mastodon_archive.owner,
        declared=mastodon_archive.declared,
    ),
    polling=Polling(
        needs=(
            Need(
                variable=TOKENS,
                what='access tokens by account, as JSON: {"ada@mastodon.example": "..."}',
                where="each account's server, Preferences, Development: an application with read:statuses, "
                "read:notifications and read:accounts, see https://docs.joinmastodon.org/client/token/",
            ),
        ),
        poller=Streams,
        decode=mastodon.decode,
    ),
)
