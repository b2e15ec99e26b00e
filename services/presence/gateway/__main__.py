"""`python -m presence.gateway`: serve scores, as the environment says."""

import asyncio
import os
import sys

from presence.events.errors import CallerError, PresenceError
from presence.gateway.bootstrap import MOVED, run
from presence.gateway.settings import GatewaySettings
from presence.log.logging import configure
from presence.log.settings import Settings


def main() -> int:
    """Exit code: 0 after SIGTERM, 2 for a wrong setting, 1 for anything else."""
    try:
        settings = Settings.from_env(os.environ)
        configure(settings.log_format)
        code = asyncio.run(run(settings, GatewaySettings.from_env(os.environ)))
    except PresenceError as error:
        print(f"presence.gateway: {type(error).__name__}: {error}", file=sys.stderr)  # noqa: T201 (its last word)
        return 2 if isinstance(error, CallerError) else 1
    if code == MOVED:
        os.execv(sys.executable, [sys.executable, "-m", "presence.gateway"])  # noqa: S606 (ourselves, under our number)
    return code


if __name__ == "__main__":
    sys.exit(main())
