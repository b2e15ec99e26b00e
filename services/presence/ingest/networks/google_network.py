"""Google's reviews, as Presence knows them."""

from presence.ingest.acts import Decoded
from presence.ingest.exports.importer import Importer
from presence.ingest.frames import Frame
from presence.ingest.network import KnownNetwork, Need, Polling
from presence.ingest.networks import google, google_takeout
from presence.ingest.networks.google_poller import (
    ACCOUNT,
    CLIENT_ID,
    CLIENT_SECRET,
    REFRESH_TOKEN,
    REVIEW,
    SUBSCRIPTION,
    Reviews,
)

_CONSOLE = "https://console.cloud.google.com"


def _decode(frame: Frame, observed_ms: int) -> Decoded:
    if frame.kind != REVIEW:
        return Decoded(skipped="unscored")
    return google.decode(frame.data, "", observed_ms)


NETWORK = KnownNetwork(
    name=google.NETWORK,
    title="Google reviews",
    account="a location of a Business Profile such as locations/1234; any other id stands for a whole Takeout",
    importer=Importer(
        takes="a Takeout with Google Business Profile or Maps (your places), as a zip, a tgz or unpacked",
        items=google_takeout.items,
        decode=google_takeout.decode,
    ),
    polling=Polling(
        needs=(
            Need(
                variable=CLIENT_ID,
                what="the client id of an OAuth client",
                where=f"{_CONSOLE}/apis/credentials; the project needs access to the Business Profile APIs, "
                "https://developers.google.com/my-business/content/prereqs",
            ),
            Need(variable=CLIENT_SECRET, what="its secret", where=f"{_CONSOLE}/apis/credentials"),
            Need(
                variable=REFRESH_TOKEN,
                what="a refresh token of a manager of the locations",
                where="their consent to the scopes business.manage and pubsub, for instance at "
                "https://developers.google.com/oauthplayground",
            ),
            Need(
                variable=SUBSCRIPTION,
                what="projects/.../subscriptions/... of the topic that gets NEW_REVIEW and UPDATED_REVIEW",
                where=f"{_CONSOLE}/cloudpubsub; mybusiness-api-pubsub@system.gserviceaccount.com must publish to the topic, and "
                "https://developers.google.com/my-business/content/notification-setup sets it for the account",
            ),
            Need(
                variable=ACCOUNT,
                what="accounts/... of the Business Profile",
                where="https://developers.google.com/my-business/reference/accountmanagement/rest/v1/accounts/list",
            ),
        ),
        poller=Reviews,
        decode=_decode,
    ),
)
