"""`python -m presence.scoring`: one scoring worker, until SIGTERM."""

import os
import sys

from presence.events.errors import PresenceError
from presence.log.exposition import exposed
from presence.log.logging import configure
from presence.log.metrics import Service
from presence.log.settings import Settings


def main() -> int:
    # Batches are small when idle: a second thread costs more in waiting than it saves. Polars reads this on import.
    os.environ.setdefault("POLARS_MAX_THREADS", "1")
    from presence.scoring.bootstrap import worker  # noqa: PLC0415

    try:
        settings = Settings.from_env(os.environ)
        configure(settings.log_format)
        with exposed(settings, Service.SCORING, f"scoring{settings.suffix}-{settings.worker}"):
            return int(worker(settings).execute_from_commandline() or 0)
    except PresenceError as error:
        print(f"presence scoring: {error}", file=sys.stderr)  # noqa: T201 (there may be no log yet)
        return 1


if __name__ == "__main__":
    sys.exit(main())
