"""`python -m presence.clock`: tick once a day, until SIGTERM."""

import os
import signal
import sys
from threading import Event

from presence.clock.service import run
from presence.events.errors import CallerError, PresenceError
from presence.log.exposition import exposed
from presence.log.kafka import await_topics
from presence.log.logging import configure
from presence.log.metrics import Service
from presence.log.settings import Settings


def main() -> int:
    """Exit code: 0 after SIGTERM, 2 for a wrong setting, 1 for anything else."""
    stopping = Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: stopping.set())
    try:
        settings = Settings.from_env(os.environ)
        configure(settings.log_format)
        with exposed(settings, Service.CLOCK, "clock"):
            await_topics(settings)
            run(settings, stopping)
    except PresenceError as error:
        print(f"presence.clock: {error}", file=sys.stderr)  # noqa: T201 (its last word)
        return 2 if isinstance(error, CallerError) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
