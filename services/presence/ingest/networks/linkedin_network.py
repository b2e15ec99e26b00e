"""LinkedIn, as Presence knows it."""

from presence.ingest.exports.importer import Importer
from presence.ingest.network import KnownNetwork
from presence.ingest.networks import linkedin, linkedin_export

NETWORK = KnownNetwork(
    name=linkedin.NETWORK,
    title="LinkedIn",
    account="a member's or page's URN such as urn:li:person:... or urn:li:organization:...",
    importer=Importer(
        takes="the export of a member, as a zip or unpacked",
        items=linkedin_export.items,
        decode=linkedin_export.decode,
    ),
)
