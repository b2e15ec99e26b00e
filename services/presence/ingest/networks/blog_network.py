"""Blogs, as Presence knows them."""

from presence.ingest.exports.importer import Importer
from presence.ingest.network import KnownNetwork, Need, Polling, Webhook
from presence.ingest.networks import blog, blog_import, blog_websub
from presence.ingest.networks.blog_poller import EVERY_S, Feeds

_SECRET = Need(
    variable=blog_websub.SECRET,
    what="a secret of your own, of which those of the hubs are made",
    where="yourself, as by `openssl rand -hex 32`; see https://www.w3.org/TR/websub/#authenticated-content-distribution",
)
_CALLBACK = Need(
    variable=blog_websub.CALLBACK,
    what="where hubs reach `presence ingest webhooks`, such as https://hooks.example.org",
    where="the proxy with TLS before it; see https://www.w3.org/TR/websub/#subscriber-sends-subscription-request",
    optional=True,
)
_EVERY = Need(
    variable=EVERY_S,
    what="seconds between two rounds, 900 by itself",
    where="yourself; every quarter of an hour is usual, see https://www.rssboard.org/rss-specification#ltttlgtSubelementOfLtchannelgt",
    optional=True,
)

NETWORK = KnownNetwork(
    name=blog.NETWORK,
    title="Blogs",
    account="the address of the blog's feed, such as https://blog.example/feed.xml",
    importer=Importer(
        takes="a feed as a file: RSS, Atom, JSON Feed, or the export of WordPress or Blogger",
        items=blog_import.items,
        decode=blog.decode_imported,
    ),
    polling=Polling(
        needs=(
            Need(
                variable=blog_websub.SECRET,
                what=f"{_SECRET.what}, if hubs shall push",
                where=_SECRET.where,
                optional=True,
            ),
            _CALLBACK,
            _EVERY,
        ),
        poller=Feeds,
        decode=blog.decode,
    ),
    webhook=Webhook(needs=(_SECRET,), hook=blog_websub.hook),
)
