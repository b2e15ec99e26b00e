"""Builds the scoring worker from its settings; the only place that does."""

import faust

from presence.log.kafka import await_topics
from presence.log.logging import quieten
from presence.log.settings import Settings
from presence.scoring.app import create_app


def worker(settings: Settings) -> faust.Worker:
    """A worker that runs until SIGTERM. Raises SourceUnavailable if no broker answers."""
    await_topics(settings)
    settings.scoring.mkdir(parents=True, exist_ok=True)
    quieten("aiokafka")
    built = faust.Worker(create_app(settings), loglevel="WARN", quiet=True, redirect_stdouts=False)
    built.spinner = None  # It would write terminal codes into a log.
    return built
