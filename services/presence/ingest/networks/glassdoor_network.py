"""Glassdoor, as Presence knows it."""

from presence.ingest.exports.importer import Importer
from presence.ingest.network import KnownNetwork
from presence.ingest.networks import glassdoor

NETWORK = KnownNetwork(
    name=glassdoor.NETWORK,
    title="Glassdoor",
    account="the employer's id, as in the address of its page (EI_IE1234 is 1234)",
    importer=Importer(
        takes="a CSV file of reviews of one employer", items=glassdoor.items, decode=glassdoor.decode
    ),
)
