"""Every network but Bluesky, on this machine: somebody on each, what happens there, and the service that reads it."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from presence.demo.networks.asked import GoogleReviews, LinkedIn, Weblog, Yelp
from presence.demo.networks.filed import Glassdoor
from presence.demo.networks.listened import Mastodon, X
from presence.demo.networks.pushed import Pushed
from presence.demo.networks.venue import Venue


@contextmanager
def opened(folder: Path, end_ms: int) -> Iterator[Sequence[Venue]]:
    """All of them, serving; what happens there has happened by `end_ms`. Files are written to `folder`."""
    venues: tuple[Venue, ...] = (
        Mastodon(end_ms),
        X(end_ms),
        LinkedIn(end_ms),
        Weblog(end_ms),
        Yelp(end_ms),
        GoogleReviews(end_ms),
        Pushed(end_ms),
        Glassdoor(folder, end_ms),
    )
    with ExitStack() as stack:
        for each in venues:
            each.serve(stack)
        yield venues
