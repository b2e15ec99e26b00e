"""`python -m presence.associates`: follow the log, and write everybody's company once a day, until SIGTERM."""

import os
import signal
import sys
from threading import Event

from presence.associates.bootstrap import job
from presence.events.errors import CallerError, PresenceError
from presence.log.exposition import exposed
from presence.log.kafka import await_topics
from presence.log.logging import configure
from presence.log.metrics import Service
from presence.log.settings import Settings

LOOK_S = 10.0


def main() -> int:
    """Exit code: 0 after SIGTERM, 2 for a wrong setting, 1 for anything else."""
    stopping = Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: stopping.set())
    try:
        settings = Settings.from_env(os.environ)
        configure(settings.log_format)
        with exposed(settings, Service.ASSOCIATES, "associates"):
            await_topics(settings)
            with job(settings, stopping.is_set) as working:
                while not stopping.is_set():
                    working.step()
                    stopping.wait(LOOK_S)
    except PresenceError as error:
        print(f"presence.associates: {error}", file=sys.stderr)  # noqa: T201 (its last word)
        return 2 if isinstance(error, CallerError) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
