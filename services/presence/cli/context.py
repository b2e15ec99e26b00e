"""What every command needs: the settings of its environment, and errors as one line and an exit code."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import NoReturn

from presence.broker import Broker, BrokerError
from presence.client import Access, Client
from presence.events.errors import CallerError, PresenceError
from presence.log.settings import Settings, read

EXIT_FAILED = 1
EXIT_BAD_INPUT = 2


def settings() -> Settings:
    """The settings of the environment; without PRESENCE_KAFKA, the embedded broker's address if it runs."""
    found = Settings.from_env(os.environ)
    if "PRESENCE_KAFKA" not in os.environ:
        status = Broker(found.data / "broker").status()
        if status.running and status.bootstrap:
            return replace(found, kafka=status.bootstrap)
    return found


def client(found: Settings) -> Client:
    """A client of the gateway that `found` names, with the access of the environment's `PRESENCE_CLIENT_*`."""
    return Client(found.gateway, access=read(Access, os.environ, "PRESENCE_CLIENT_"))


def fail(error: PresenceError | BrokerError) -> NoReturn:
    """Say on stderr what is wrong, and exit: 2 if the caller gave bad input, else 1."""
    print(f"presence: {error}", file=sys.stderr)
    raise SystemExit(EXIT_BAD_INPUT if isinstance(error, CallerError) else EXIT_FAILED)


@contextmanager
def exit_on_error() -> Iterator[None]:
    """Turn an error that has a reader into one line on stderr; any other is a traceback."""
    try:
        yield
    except (PresenceError, BrokerError) as error:
        fail(error)
