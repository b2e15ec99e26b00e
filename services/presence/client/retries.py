"""Which failures are worth another try, and when. Nothing here sleeps or calls: clients of both kinds ask it."""

import random

from presence.client.errors import Busy, Unavailable
from presence.events.errors import PresenceError

PAUSE_S_MIN = 0.1
PAUSE_S_MAX = 5.0
ATTEMPTS_MAX = 5
"""Of one call: with pauses doubled each time, about two seconds."""


def pause_s(error: PresenceError, attempts: int, *, attempts_max: int = ATTEMPTS_MAX) -> float:
    """How long to wait after so many attempts in vain. Raises `error` when there is no sense in another.

    Unavailable is tried again, and Busy when the gateway says; spread out, so that all clients of a gateway that was
    restarted do not come back at the same instant.
    """
    if attempts >= attempts_max or not isinstance(error, Unavailable | Busy):
        raise error
    pause: float = min(PAUSE_S_MAX, PAUSE_S_MIN * 2 ** (attempts - 1))
    if isinstance(error, Busy):
        pause = max(pause, error.after_s)
    return pause * random.uniform(0.75, 1.25)  # noqa: S311 (no secret)
