"""X's Activity API as a stream: a line for each event, an empty one every 20 seconds.

https://docs.x.com/x-api/activity/activity-stream; subscriptions say whose events come, see docs/webhooks.md. A gap is filled by
`backfill_minutes` where the app's level of access has that: https://docs.x.com/x-api/fundamentals/recovery-and-redundancy-features.
"""

from collections.abc import Mapping

from presence.events.errors import CallerError
from presence.ingest.lines_stream import LinesStream
from presence.log.clock import now_ms

URL = "https://api.x.com"
TOKEN, BACKFILL = "PRESENCE_X_BEARER_TOKEN", "PRESENCE_X_BACKFILL"
SILENCE_S_MAX = 45.0
BACKFILL_MINUTES_MAX = 5


def stream(given: Mapping[str, str], url: str = "") -> LinesStream:
    """The stream of all subscriptions of the app. Raises CallerError if `PRESENCE_X_BACKFILL` is neither yes nor no."""
    choice = given.get(BACKFILL, "no")
    if choice not in {"yes", "no"}:
        raise CallerError(f"{BACKFILL} is yes or no")

    def params(heard_ms: int | None) -> Mapping[str, str]:
        if choice == "no" or heard_ms is None:
            return {}
        minutes = 1 + max(0, now_ms() - heard_ms) // 60_000
        return {"backfill_minutes": str(min(BACKFILL_MINUTES_MAX, minutes))}

    return LinesStream(
        f"{url or URL}/2/activity/stream",
        "stream",
        headers={"Authorization": f"Bearer {given[TOKEN]}"},
        silence_s_max=SILENCE_S_MAX,
        params=params,
    )
