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
                where="yourself, as by `openssl rand -hex 32`; who sends puts it into the header of https://www.rfc-editor.org/rfc/rfc6750#section-2.1",
            ),
        ),
        hook=other_door.hook,
    ),
)
