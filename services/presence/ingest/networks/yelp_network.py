"""Yelp, as Presence knows it."""

from presence.ingest.network import KnownNetwork, Need, Polling
from presence.ingest.networks import yelp
from presence.ingest.networks.yelp_poller import KEY, Businesses

NETWORK = KnownNetwork(
    name=yelp.NETWORK,
    title="Yelp",
    account="a business's id, as the API has it, not its alias",
    polling=Polling(
        needs=(Need(variable=KEY, what="an API key", where="https://www.yelp.com/developers/v3/manage_app"),),
        poller=Businesses,
        decode=yelp.decode,
    ),
)
