"""The topics of the log, once: names, partitions, policies."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
OBSERVED_HEADER = "observed_ms"
"""Of the first score of a publication: when the oldest record behind it was written to the activity log."""


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic: `partitions` None means as many as the activity log has."""

    name: str
    partitions: int | None
    config: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Topics:
    """All topics of one deployment; `namespace` is the first part of their names."""

    namespace: str = "presence"
    suffix: str = ""
    """Of the topics that a second scoring of the same log has to itself."""

    @property
    def roster(self) -> str:
        return f"{self.namespace}.roster"

    @property
    def activity(self) -> str:
        return f"{self.namespace}.activity"

    @property
    def scores(self) -> str:
        return f"{self.namespace}.scores{self.suffix}"

    @property
    def history(self) -> str:
        return f"{self.namespace}.history{self.suffix}"

    @property
    def reasons(self) -> str:
        """What stands behind scores: the records of findings and of company, as the log has them now."""
        return f"{self.namespace}.reasons{self.suffix}"

    @property
    def dlq(self) -> str:
        return f"{self.namespace}.dlq"

    @property
    def models(self) -> str:
        """Which scoring is live: see `log.live`."""
        return f"{self.namespace}.models"

    @property
    def owners(self) -> str:
        return f"{self.namespace}.owners{self.suffix}"

    def all(self) -> tuple[Topic, ...]:
        """Every topic with its policy. The log is kept for ever, with the broker's times; a dead letter for 30 days.

        What is superseded leaves the disk within a day or two, of the roster (where it is a key) within an hour or so.
        """
        compact, kept = (
            {"cleanup.policy": "compact", "max.compaction.lag.ms": str(DAY_MS)},
            {"retention.ms": "-1"},
        )
        return (
            Topic(self.roster, 1, MappingProxyType(compact | {"max.compaction.lag.ms": str(HOUR_MS)})),
            Topic(self.activity, None, MappingProxyType(kept | {"message.timestamp.type": "LogAppendTime"})),
            Topic(
                self.scores,
                None,
                MappingProxyType(
                    compact | {"min.compaction.lag.ms": str(DAY_MS), "max.compaction.lag.ms": str(2 * DAY_MS)}
                ),
            ),
            Topic(self.history, None, MappingProxyType(compact)),
            Topic(self.reasons, None, MappingProxyType(compact)),
            Topic(self.models, 1, MappingProxyType(compact)),
            Topic(self.owners, 1, MappingProxyType(compact)),
            Topic(self.dlq, 1, MappingProxyType({"retention.ms": str(30 * DAY_MS)})),
        )
