"""How every process logs: structlog to stderr, as JSON or for a console. Nothing personal is ever logged."""

import logging
import sys
import time
from typing import Literal

import structlog

SELDOM_S = 10.0


class Seldom(logging.Filter):
    """Lets each message of a library through once in SELDOM_S: clients repeat theirs ten times a second in an outage."""

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        key, now = (record.name, str(record.msg)), time.monotonic()
        if now - self._last.get(key, -SELDOM_S) < SELDOM_S:
            return False
        self._last[key] = now
        return True


def quieten(library: str) -> None:
    """Let the loggers of `library` that there are so far speak seldom. Their messages are templates, so they are few."""
    seldom = Seldom()
    for name in [library, *logging.root.manager.loggerDict]:
        if name == library or name.startswith(f"{library}."):
            logging.getLogger(name).addFilter(seldom)


def configure(log_format: Literal["console", "json"]) -> None:
    """Set up structlog and the standard library's logging for this process."""
    renderer = (
        structlog.processors.JSONRenderer()
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
    )
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s %(message)s", stream=sys.stderr)
