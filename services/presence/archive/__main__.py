"""`python -m presence.archive`: write the activity log down as Parquet, until SIGTERM."""

import os
import signal
import sys
from threading import Event, Thread

from presence.events.errors import CallerError, PresenceError
from presence.log.exposition import exposed
from presence.log.kafka import await_topics
from presence.log.logging import configure, quieten
from presence.log.metrics import Service
from presence.log.settings import Settings

STOP_S = 10.0
"""What is being written at SIGTERM may take so long; after that it is left, which is as safe as kill -9."""


def main() -> int:
    """Exit code: 0 after SIGTERM, 2 for a wrong setting, 1 for anything else."""
    # A second thread of polars gains nothing: one file is written at a time. Polars reads this on import.
    os.environ.setdefault("POLARS_MAX_THREADS", "1")
    stopping, ended = Event(), Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: stopping.set())
    codes: list[int] = []

    def work() -> None:
        try:
            codes.append(_run(stopping))
        finally:
            ended.set()

    # In a thread of its own, so that a store that does not answer cannot keep the signal from being heard.
    Thread(target=work, daemon=True).start()
    while not ended.wait(0.2):
        if stopping.is_set() and not ended.wait(STOP_S):
            print("presence archive: a file was left unwritten; its records are read again", file=sys.stderr)  # noqa: T201
            sys.stderr.flush()
            os._exit(0)
    return codes[0] if codes else 1


def _run(stopping: Event) -> int:
    from presence.archive.service import Archiver  # noqa: PLC0415 (after the setting of polars)

    try:
        settings = Settings.from_env(os.environ)
        configure(settings.log_format)
        with exposed(settings, Service.ARCHIVE, "archive"):
            await_topics(settings)
            quieten("kafka")
            Archiver(settings, stopping).run()
    except PresenceError as error:
        print(f"presence archive: {error}", file=sys.stderr)  # noqa: T201 (its last word)
        return 2 if isinstance(error, CallerError) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
