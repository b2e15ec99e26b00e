"""What nobody has written yet, as Presence takes it."""

from presence.ingest.network import KnownNetwork, Need, Webhook
from presence.ingest.networks import other, other_door

NETWORK = KnownNetwork(
    name=other.NETWORK,
    title="Any other network",
    account="the id of an actor, an address such as https://forum.example/users/ada",
    webhook=Webhook(
        needs=(
            Need(
                variable=other_door.TOKEN,
                what="the bearer token of those who may send, one a line",
                where="`openssl rand -hex 32`",
            ),
        ),
        hook=other_door.hook,
    ),
)
